"""Model cards as a user writes them: a model of his own, a combination, and what is wrong with one."""
import hashlib
import json
import os
import shutil
import subprocess

import pytest

import house

PICTURES = os.path.join(os.path.dirname(house.MODELS), "pictures")
FACES = os.path.join(house.TOP, "..", "shared", "faces")  # labelled, and nowhere to be fetched

pytestmark = pytest.mark.models


def facectl(*args, models):
    return subprocess.run([house.tool("facectl"), *map(str, args)], text=True, capture_output=True,
                          timeout=4 * house.PATIENCE,
                          env={**os.environ, "FACED_MODELS": str(models)})


@pytest.fixture
def models(tmp_path):
    folder = tmp_path / "models"
    shutil.copytree(house.MODELS, folder)
    return folder


def change(folder, name, new=None, **keys):
    """The card NAME, changed, under its own or a new name."""
    card = json.loads((folder / f"{name}.card.json").read_text())
    card.update(keys, name=new or name)
    (folder / f"{new or name}.card.json").write_text(json.dumps(card))


def answers(models, picture, *args):
    r = facectl("image", os.path.join(PICTURES, picture), "--json", *args, models=models)
    assert r.returncode == 0, r.stderr
    return json.loads(r.stdout)["faces"]


def with_model(models, tmp_path, name):
    conf = tmp_path / f"{name}.conf"
    conf.write_text(f'models: {{ attributes = "{name}"; }};\n')
    return "-c", conf


def test_a_model_of_ones_own_is_a_card_and_no_code(models, tmp_path):
    shutil.copy(models / "retail-0013.onnx", models / "mine.onnx")
    change(models, "retail-0013", "mine", about="a model of one's own",
           files=[{"role": "weights", "name": "mine.onnx", "sha256": None}],
           crop={"square": 2.6, "landmarks": True, "mirror": True, "outside": "edge"})
    told = facectl("models", models=models)
    assert told.returncode == 0 and "mine (attributes): ready" in told.stdout
    mine = answers(models, "man1.jpg", *with_model(models, tmp_path, "mine"))
    other = answers(models, "man1.jpg", *with_model(models, tmp_path, "retail-0013"))
    assert len(mine) == len(other) == 1
    assert mine[0]["gender"]["value"] == other[0]["gender"]["value"] == "male"
    assert mine[0]["gender"]["probability"] != other[0]["gender"]["probability"]  # another crop


def test_a_combination_of_one_view_is_that_view_calibrated(models, tmp_path):
    calibration = json.loads((models / "combined.calibration.json").read_text())
    calibration["views"] = 1
    calibration["age"].update(weights=[1], second=[1], shift=5, hinges=[], second_by=0, spread_by=0)
    calibration["gender"].update(weights=[1], shift=0, doubts=[0] * 5)
    text = json.dumps(calibration)
    (models / "one.json").write_text(text)
    view = {"model": "xception", "square": 0.9, "outside": "edge"}
    change(models, "combined", "one", views=[view],
           files=[{"role": "calibration", "name": "one.json",
                   "sha256": hashlib.sha256(text.encode()).hexdigest()}])
    one = answers(models, "man2.jpg", *with_model(models, tmp_path, "one"))[0]
    plain = answers(models, "man2.jpg", *with_model(models, tmp_path, "xception"))[0]
    assert one["age"]["years"] == pytest.approx(plain["age"]["years"] + 5, abs=0.11)
    assert one["gender"]["probability"] == pytest.approx(plain["gender"]["probability"], abs=0.002)


@pytest.mark.parametrize("damage, words", [
    (lambda m: (m / "combined.calibration.json").write_text("{}"), "SHA-256"),
    (lambda m: (m / "combined.calibration.json").unlink(), "combined.calibration.json"),
    (lambda m: (m / "retail-0013.onnx").write_bytes(b"x"), "retail-0013"),
    (lambda m: (m / "retail-0013.card.json").unlink(), "retail-0013.card.json"),
    (lambda m: change(m, "combined", views=[]), "'views'"),
    (lambda m: change(m, "combined", files=[{"role": "weights", "name": "xception.onnx",
                                             "sha256": None}]), '"calibration"'),
])
def test_a_combination_that_is_not_whole_is_refused(models, damage, words):
    damage(models)
    r = facectl("image", os.path.join(PICTURES, "man1.jpg"), models=models)
    assert r.returncode == 1 and words in r.stderr and len(r.stderr.splitlines()) == 1


def where(there):
    return lambda test: test if there else None


@where(os.path.isdir(FACES))
def test_the_committed_calibration_is_as_right_as_its_card_says(tmp_path):
    """Every third labelled face; the bounds are the figures of the card less three deviations."""
    with open(os.path.join(FACES, "MANIFEST.tsv"), encoding="utf-8") as f:
        header, *rows = f.read().splitlines()
    found = {}
    for name in ("fairface", "congress"):
        chosen = [r for r in rows if r.startswith(name)][::3]
        if name == "fairface":
            chosen = [r for r in chosen if r.split("\t")[1] not in ("0-2", "3-9")]
        manifest = tmp_path / f"{name}.tsv"
        manifest.write_text("\n".join([header] + [f"{os.path.abspath(FACES)}/{r}" for r in chosen]))
        r = facectl("evaluate", manifest, "--json", models=house.MODELS)
        assert r.returncode == 0, r.stderr
        found[name] = json.loads(r.stdout)
    wild, studio = found["fairface"], found["congress"]
    assert wild["gender_accuracy"] >= 0.88 and wild["gender_coverage"] >= 0.62
    assert wild["always"]["gender_accuracy"] >= 0.75 and wild["always"]["age_one_off"] >= 0.82
    assert wild["always"]["age_mae"] <= 4.5
    assert studio["always"]["gender_accuracy"] >= 0.96
    assert studio["always"]["age_mae"] <= 6.2 and abs(studio["always"]["age_bias"]) <= 2.5
