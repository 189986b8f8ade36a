"""facectl evaluate: how right the answers are, reckoned once more from its own lines."""
import csv
import json
import math
import os
import shutil
import statistics
import subprocess
import sys

import cv2
import numpy
import pytest

import house

PICTURES = os.path.join(os.path.dirname(house.MODELS), "pictures")
MIRROR = os.environ.get("FACED_MIRROR") or os.path.join(house.TOP, "..", "shared", "mirror")
ADIENCE = os.path.join(MIRROR, "adience")
FACES = os.path.join(house.TOP, "..", "shared", "faces")  # labelled, and nowhere to be fetched
RANGES = "0-2 4-6 8-12 15-20 25-32 38-43 48-53 60-100".split()
BOUNDS = (3.5, 7.5, 14, 23, 35.5, 46, 57)
GROUPS = {"0-2": 0, "3-9": 3, "10-19": 10, "20-29": 20, "30-39": 30, "40-49": 40, "50-59": 50,
          "60-69": 60, "70+": 70}
FIGURES = ("pictures faces_found gender_coverage gender_accuracy gender_accuracy_ci95 age_coverage "
           "age_exact age_exact_ci95 age_one_off age_one_off_ci95 age_mae age_mae_ci95 age_bias "
           "age_bias_ci95 ms_per_face").split()
MEAN = (78.4263377603, 87.7689143744, 114.895847746)

pytestmark = pytest.mark.models


def where(there):
    """Not a skip: what a machine cannot have is no test of its."""
    return lambda test: test if there else None


def evaluate(*args, code=0, models=house.MODELS):
    r = subprocess.run([house.tool("facectl"), "evaluate", *map(str, args)], text=True,
                       capture_output=True, timeout=4 * house.PATIENCE,
                       env={**os.environ, "FACED_MODELS": str(models)})
    assert r.returncode == code, r.stdout + r.stderr
    assert "ERROR" not in r.stderr
    return r


def report(*args, **more):
    return json.loads(evaluate("--json", *args, **more).stdout)


def lines(*args, **more):
    return [json.loads(x) for x in evaluate("--faces", *args, **more).stdout.splitlines()]


@pytest.fixture(scope="module")
def pictures():
    assert os.path.isdir(PICTURES), f"no pictures in {PICTURES}: 'make models' brings them"
    return {os.path.splitext(n)[0]: os.path.join(PICTURES, n) for n in os.listdir(PICTURES)}


@pytest.fixture(scope="module")
def manifest(pictures, tmp_path_factory):
    """The mirror's seven, a second time smaller, one without a face, and every kind of label."""
    folder = tmp_path_factory.mktemp("set")
    labels = {"man1": ("71.5", "M"), "man2": ("30", "M"), "woman1": ("40-49", "F"),
              "girl1": ("20-29", "F"), "girl2": ("3-9", "F"), "kid1": ("0-2", ""),
              "kid2": ("", "M")}
    rows = [["path", "age", "gender"]]
    for name, label in labels.items():
        shutil.copy(pictures[name], folder / f"{name}.jpg")
        cv2.imwrite(str(folder / f"{name}-small.png"),
                    cv2.resize(cv2.imread(pictures[name]), None, fx=0.4, fy=0.4))
        rows += [[f"{name}.jpg", *label], [f"{name}-small.png", *label]]
    cv2.imwrite(str(folder / "wall.png"), numpy.full((200, 300, 3), 130, numpy.uint8))
    rows.append(["wall.png", "30-39", "F"])
    (folder / "m.tsv").write_text("".join("\t".join(r) + "\n" for r in rows))
    return folder / "m.tsv"


# ------------------------------------------------------------- the reckoning, once more ---

def wilson(k, n):
    z = 1.96
    middle, half = k + z * z / 2, z * math.sqrt(k * (n - k) / n + z * z / 4)
    return [(middle - half) / (n + z * z), (middle + half) / (n + z * z)]


def range_of(years):
    return sum(years > b for b in BOUNDS)


def age_label(text):
    """low, high (of years the same), and the range of the eight."""
    if text.endswith("+"):
        return float(text[:-1]), math.inf
    low, _, high = text.partition("-")
    return float(low), float(high) + 1 if high else float(low)


def reckon(found, always):
    """The figures of a list of --faces lines."""
    faces = [x for x in found if "box" in x]
    bins = sorted({age_label(x["label"]["age"]) for x in found
                   if x["label"]["age"] and not x["label"]["age"].replace(".", "").isdigit()})
    genders, ages, errors, exact, near = [], 0, [], 0, 0
    said = 0
    for x in faces:
        if always:
            p = x["estimate"]["female_p"]
            gender = None if p is None else "female" if p > 0.5 else "male"
            years = x["estimate"]["years"]
        else:
            gender, years = x["gender"]["value"], x["age"]["years"]
        said += gender is not None
        if gender and x["label"]["gender"]:
            genders.append(gender == x["label"]["gender"])
        if years is None:
            continue
        ages += 1
        if not x["label"]["age"]:
            continue
        low, high = age_label(x["label"]["age"])
        errors.append(years - high if years > high else years - low if years < low else 0)
        if low == high:
            exact += range_of(years) == range_of(low)
            near += abs(range_of(years) - range_of(low)) <= 1
        else:
            i = bins.index((low, high))
            exact += low <= years < high
            near += bins[max(0, i - 1)][0] <= years < bins[min(len(bins) - 1, i + 1)][1]
    n = len(errors)
    return {"pictures": len(found), "faces_found": len(faces),
            "gender_coverage": said / len(faces), "age_coverage": ages / len(faces),
            "gender_accuracy": sum(genders) / len(genders),
            "gender_accuracy_ci95": wilson(sum(genders), len(genders)),
            "age_exact": exact / n, "age_exact_ci95": wilson(exact, n),
            "age_one_off": near / n, "age_one_off_ci95": wilson(near, n),
            "age_mae": sum(map(abs, errors)) / n, "age_bias": sum(errors) / n}


def check_figures(told, found, always):
    for key, value in reckon(found, always).items():
        assert told[key] == pytest.approx(value, abs=6e-3 if key in ("age_mae", "age_bias")
                                          else 1e-4), key


def check_report(told, found):
    assert list(told)[:len(FIGURES)] == FIGURES
    assert list(told["always"]) == FIGURES
    check_figures(told, found, False)
    check_figures(told["always"], found, True)
    assert 0 < told["ms_per_face"] < 10000
    groups = {(g["age"], g["gender"]): g for g in told["groups"]}
    assert len(groups) == len(told["groups"])
    for gender in ("male", "female"):
        mine = [x for x in found if x["label"]["gender"] == gender]
        assert groups[None, gender]["pictures"] == len(mine)
        assert sum(g["pictures"] for (a, s), g in groups.items() if a and s == gender) == \
            sum(x["label"]["age"] is not None for x in mine)
    for x in found:
        if x["label"]["age"]:
            low, high = age_label(x["label"]["age"])
            middle = low if math.isinf(high) else (low + high) / 2
            group = [g for g, begin in GROUPS.items() if middle >= begin][-1]
            assert groups[group, None]["pictures"] > 0
            assert (group, x["label"]["gender"]) in groups
    faces = [x for x in found if "box" in x]
    for what in ("age", "gender"):
        reasons = [x[what]["unknown"] for x in faces]
        assert {r: n for r, n in told["unknown"][what].items() if n} == \
            {r: reasons.count(r) for r in set(reasons) - {None}}
    for bins in told["reliability"].values():
        for b in bins:
            assert b["from"] - 1e-3 <= b["stated"] <= b["to"] + 1e-3
            assert b["right_ci95"][0] <= b["right"] <= b["right_ci95"][1]


# ------------------------------------------------------------- manifests ---

def test_the_figures_are_those_of_its_own_lines(manifest):
    found = lines(manifest)
    assert [os.path.basename(x["path"]) for x in found][-1] == "wall.png"
    assert found[-1]["faces"] == 0 and "box" not in found[-1]
    told = report(manifest)
    assert (told["pictures"], told["faces_found"]) == (15, 14)
    check_report(told, found)
    text = evaluate(manifest).stdout
    assert text.startswith("15 pictures, 14 faces found by yunet; ages and genders by combined; "
                           "certainty 0.8\n")
    for words in ("gender right", "age range one-off", "By label", "attributes alone"):
        assert words in text
    assert "\033" not in text and "nan" not in text


@pytest.fixture(scope="module")
def few(manifest):
    """Four lines of it: of the two men, one of whom is not surely one when he is small."""
    with open(manifest) as f:
        rows = f.readlines()
    (manifest.parent / "few.tsv").write_text("".join(rows[:5]))
    return manifest.parent / "few.tsv"


def test_a_picture_without_labels_is_told_as_well(pictures, tmp_path):
    (tmp_path / "m.tsv").write_text(f"path\tage\tgender\n{pictures['man1']}\t\t\n")
    text = evaluate(tmp_path / "m.tsv").stdout
    assert text.startswith("1 picture, 1 face found") and "nan" not in text
    assert "By label" not in text and "stated probability" not in text
    told = report(tmp_path / "m.tsv")
    assert told["groups"] == [] and told["gender_coverage"] == 1
    assert told["gender_accuracy"] is told["age_mae_ci95"] is told["age_exact"] is None


def test_options_stand_before_the_configuration(few):
    sure, unsure = report(few, "--certainty", "0.999"), report(few, "--certainty", "0.5")
    assert sure["gender_coverage"] < unsure["gender_coverage"]
    assert sure["always"]["gender_coverage"] == unsure["always"]["gender_coverage"]
    assert sure["reliability"] == unsure["reliability"]
    text = evaluate(few, "--models", "retail-0013").stdout
    assert "found by yunet; ages and genders by retail-0013" in text
    assert "found by ssd; ages and genders by xception" in evaluate(
        few, "--models", "ssd,xception").stdout


@pytest.mark.parametrize("options, code, words", [
    ("--models xyz", 1, "xyz.card.json"),
    ("--models ,xception", 2, "--models"),
    ("--models a,", 2, "--models"),
    ("--models a,b,c", 2, "--models"),
    ("--models " + "x" * 40, 2, "--models"),
    ("--certainty 0.4", 2, "0.5 to 0.999"),
    ("--certainty nan", 2, "0.5 to 0.999"),
    ("--certainty x", 2, "0.5 to 0.999"),
    ("--protocol x", 2, "detect or paper"),
    ("--protocol paper", 2, "levi-hassner"),
    ("--oversample", 2, "--protocol paper"),
])
def test_options_that_cannot_be(few, options, code, words):
    r = evaluate(few, *options.split(), code=code)
    assert words in r.stderr and r.stdout == ""


def test_the_face_in_the_middle_is_meant(pictures, tmp_path):
    """A wide picture: a small man at the edge, a large woman near the middle, one at the edge."""
    scene = numpy.full((500, 1500, 3), 110, numpy.uint8)
    for name, height, x in (("man2", 200, 0), ("woman1", 480, 480), ("man1", 240, 1140)):
        face = cv2.imread(pictures[name])
        face = cv2.resize(face, (face.shape[1] * height // face.shape[0], height))[:, :1500 - x]
        scene[:height, x:x + face.shape[1]] = face
    cv2.imwrite(str(tmp_path / "scene.png"), scene)
    (tmp_path / "m.tsv").write_text("path\tage\tgender\nscene.png\t\tF\n")
    found, = lines(tmp_path / "m.tsv")
    assert found["faces"] == 3
    x, _, w, _ = found["box"]
    assert 480 / 1500 < x + w / 2 < 1140 / 1500
    assert report(tmp_path / "m.tsv")["always"]["gender_accuracy"] == 1


def test_what_cannot_be_read_is_said(manifest, tmp_path):
    head = "path\tage\tgender\n"
    for text, words in (("path\tgender\n", ":1: the header has no column 'age'"),
                        (head + "a.jpg\tten\tF\n", ":2: age 'ten': expected years"),
                        (head + "a.jpg\t3\tX\n", ":2: gender 'X': expected M, F or nothing"),
                        (head + "a.jpg\t3\n", ":2: 2 columns are here, the header has 3"),
                        (head, "there is no picture in it")):
        (tmp_path / "m.tsv").write_text(text)
        r = evaluate(tmp_path / "m.tsv", code=1)
        assert r.stdout == "" and r.stderr.count("\n") == 1
        assert r.stderr.startswith(f"facectl evaluate: {tmp_path}/m.tsv") and words in r.stderr
    assert "No such file" in evaluate(tmp_path / "absent.tsv", code=1).stderr
    # a picture that is not there is a sentence, and the others are counted
    with open(manifest) as f:
        (tmp_path / "m.tsv").write_text(head + "absent.jpg\t3\tF\n" + "".join(
            f"{os.path.dirname(manifest)}/{row}" for row in f.readlines()[1:4]))
    r = evaluate(tmp_path / "m.tsv", "--json", code=1)
    assert "absent.jpg: No such file" in r.stderr and json.loads(r.stdout)["pictures"] == 3


@where(os.path.isfile(os.path.join(FACES, "MANIFEST.tsv")))
def test_labelled_faces(tmp_path):
    """Every sixteenth of the labelled faces."""
    with open(os.path.join(FACES, "MANIFEST.tsv")) as f:
        rows = f.readlines()
    (tmp_path / "m.tsv").write_text(rows[0] + "".join(
        os.path.join(os.path.abspath(FACES), row) for row in rows[1::16]))
    found, told = lines(tmp_path / "m.tsv"), report(tmp_path / "m.tsv")
    check_report(told, found)
    assert told["pictures"] == len(rows[1::16]) and told["faces_found"] >= 0.97 * told["pictures"]
    assert told["always"]["gender_accuracy"] > 0.8 and told["age_one_off"] > 0.8
    assert told["gender_accuracy"] >= told["always"]["gender_accuracy"] - 0.02
    assert told["age_mae"] < 7


# ------------------------------------------------------------- Adience ---

FOLD_HEAD = ("user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\t"
             "fiducial_yaw_angle\tfiducial_score\n")


@pytest.fixture(scope="module")
def adience(pictures, tmp_path_factory):
    """Three folds of the mirror's pictures, scaled as large as the nets see them."""
    folder = tmp_path_factory.mktemp("adience")
    labels = [[("man1", "(60, 100)", "m"), ("man2", "35", "m"), ("kid1", "None", "u")],
              [("girl1", "(25, 23)", "f"), ("woman1", "(38, 48)", "f")],
              [("girl2", "(8, 23)", ""), ("kid2", "2", "m"), ("man1", "", "m")]]
    for i, fold in enumerate(labels):
        text = FOLD_HEAD
        for k, (name, age, gender) in enumerate(fold):
            user = f"{i}@N0{k}"
            os.makedirs(folder / "aligned" / user)
            cv2.imwrite(str(folder / "aligned" / user / f"landmark_aligned_face.{k}.{name}_o.png"),
                        cv2.resize(cv2.imread(pictures[name]), (256, 256),
                                   interpolation=cv2.INTER_AREA))
            text += f"{user}\t{name}_o.png\t{k}\t{age}\t{gender}" + "\t0" * 7 + "\n"
        text += f"9@N09\tgone_o.png\t1\t(4, 6)\tf" + "\t0" * 7 + "\n"
        (folder / f"fold_{i}_data.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def levi(tmp_path_factory):
    """The models' folder with the two nets, whose weights are random."""
    folder = tmp_path_factory.mktemp("models")
    for name in os.listdir(house.MODELS):
        os.symlink(os.path.join(house.MODELS, name), folder / name)
    for net, seed in (("age", "1"), ("gender", "2")):
        weights = folder / f"{net}_net.caffemodel"
        weights.unlink(missing_ok=True)
        subprocess.run([sys.executable, house.tools("make_caffe.py"),
                        str(folder / f"{net}_deploy.prototxt"), str(weights), seed], check=True)
    if not (folder / "levi-hassner.card.json").exists():
        shutil.copy(os.path.join(house.TOP, "models", "levi-hassner.card.json"), folder)
    return folder


def folds(adience):
    return [adience / f"fold_{i}_data.txt" for i in range(3)]


def paper(levi, files, oversample):
    """By OpenCV's own binding, as caffe's oversample() does it: the probabilities for each."""
    nets = [cv2.dnn.readNet(str(levi / f"{net}_net.caffemodel"),
                            str(levi / f"{net}_deploy.prototxt")) for net in ("age", "gender")]
    places = [(14, 14), (0, 0), (29, 0), (0, 29), (29, 29)] if oversample else [(14, 14)]
    for file in files:
        whole = cv2.imread(file)
        crops = [whole[y:y + 227, x:x + 227] for x, y in places]
        crops += [cv2.flip(c, 1) for c in crops] if oversample else []
        answer = []
        for dnn in nets:
            dnn.setInput(cv2.dnn.blobFromImages(crops, 1.0, (227, 227), MEAN, swapRB=False))
            answer.append(dnn.forward().mean(axis=0))
        yield answer


def check_paper(levi, found, oversample):
    for x, (age, gender) in zip(found, paper(levi, [x["path"] for x in found], oversample)):
        assert x["estimate"]["range_p"] == pytest.approx(age.tolist(), abs=1e-4)
        assert x["estimate"]["female_p"] == pytest.approx(float(gender[1]), abs=1e-4)
        assert x["box"] == [0, 0, 1, 1]
    assert len({round(x["estimate"]["female_p"], 3) for x in found}) > 1


def test_ten_crops_are_averaged(adience, levi):
    options = ["--models", "levi-hassner", "--oversample"]
    check_paper(levi, lines(folds(adience)[1], *options, models=levi), True)
    text = evaluate(folds(adience)[1], *options, models=levi).stdout
    assert text.startswith("2 aligned pictures as a whole, ten crops averaged")


def test_the_protocol_of_the_paper(adience, levi):
    options = ["--models", "levi-hassner"]
    found = lines(*folds(adience), *options, models=levi)
    assert len(found) == 8
    check_paper(levi, found, False)
    assert len({x["age"]["range"] for x in found}) > 1
    told = report(*folds(adience), *options, models=levi)
    assert (told["pictures"], told["faces_found"], told["missing"]) == (8, 8, 3)
    assert told["protocol"] == "paper" and told["gender_coverage"] == told["age_coverage"] == 1
    assert all(bins == [] for bins in told["reliability"].values())  # the card promises nothing
    # the nearest of the eight to each label, by hand
    labels = [[7, 4, None], [4, 5], [3, 0, None]]
    genders = [["male", "male", None], ["female", "female"], [None, "male", "male"]]
    shares = {"age_exact": [], "age_one_off": [], "gender_accuracy": []}
    rest = iter(found)
    for fold, ages, sexes in zip(told["folds"], labels, genders):
        mine = [next(rest) for _ in ages]
        off = [abs(RANGES.index(x["age"]["range"]) - a) for x, a in zip(mine, ages)
               if a is not None]
        right = [x["gender"]["value"] == g for x, g in zip(mine, sexes) if g]
        shares["age_exact"].append(sum(o == 0 for o in off) / len(off))
        shares["age_one_off"].append(sum(o <= 1 for o in off) / len(off))
        shares["gender_accuracy"].append(sum(right) / len(right))
        for key, values in shares.items():
            assert fold[key] == pytest.approx(values[-1], abs=1e-4)
    for key, values in shares.items():
        assert told["mean"][key] == pytest.approx(statistics.mean(values), abs=1e-4)
        assert told["sd"][key] == pytest.approx(statistics.stdev(values), abs=1e-4)
    text = evaluate(*folds(adience), *options, models=levi).stdout
    assert "3 of 11 lines have no picture" in text and "standard deviation" in text


def test_adience_with_a_detector(adience, tmp_path):
    """Another card finds the faces itself, in pictures that lie elsewhere and are not aligned."""
    for user in os.listdir(adience / "aligned"):
        os.makedirs(tmp_path / "faces" / user)
        for name in os.listdir(adience / "aligned" / user):
            shutil.copy(adience / "aligned" / user / name, tmp_path / "faces" / user /
                        name.replace("landmark_aligned", "coarse_tilt_aligned"))
    options = ["--pictures", tmp_path]
    told = report(*folds(adience), *options)
    assert told["protocol"] == "detect" and told["missing"] == 3
    assert [f["file"] for f in told["folds"]] == [f"fold_{i}_data.txt" for i in range(3)]
    assert 0 < told["faces_found"] <= told["pictures"] == 8
    found = lines(*folds(adience), *options)
    assert [x["label"]["age"] for x in found] == [
        "(60, 100)", "35", None, "(25, 23)", "(38, 48)", "(8, 23)", "2", None]
    assert "counts as not found" in evaluate(*folds(adience), *options).stdout


def test_without_the_data_set(adience, manifest, tmp_path):
    r = evaluate(folds(adience)[0], "--pictures", tmp_path, code=1)
    assert r.stdout == "" and r.stderr.count("\n") == 1
    assert "https://" in r.stderr and "aligned/USER/landmark_aligned_face" in r.stderr
    assert "two questions" in evaluate(folds(adience)[0], manifest, code=1).stderr


@where(os.path.isdir(ADIENCE))
def test_the_real_fold_files_are_understood():
    files = [os.path.join(ADIENCE, f"fold_{i}_data.txt") for i in range(5)]
    n = 0
    for file in files:
        with open(file, newline="") as f:
            n += sum(1 for _ in csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE)) - 1
    assert f"none of the {n} pictures is there" in evaluate(*files, code=1).stderr
