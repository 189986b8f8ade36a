"""One record per person on composed scenes, of which everything is known; facectl evaluate."""
import json
import os
import subprocess
import sys

import pytest

import house

pytest.importorskip("cv2", reason="python3-opencv is not installed")
pytestmark = pytest.mark.models

PORTRAITS = os.path.join(house.TOP, "../shared/faces")
# mirror:9003 fails: one comes in where and when another walks out; docs/tracking.md has it.
SCENES = ("cross:9002", "mirror:9001")


@pytest.fixture(scope="module")
def scenes():
    """They are composed once and kept, as for make bench-tracking."""
    if not os.path.isdir(PORTRAITS):
        pytest.skip(f"no portraits in {PORTRAITS}")
    folder = os.path.join(house.BUILD, "scenes")
    subprocess.run([sys.executable, house.tools("compose_scenes.py"), "--faces", PORTRAITS,
                    "--yunet", os.path.join(house.MODELS, "face_detection_yunet_2023mar.onnx"),
                    folder, *SCENES], check=True, timeout=10 * house.PATIENCE)
    return folder


def evaluate(*args):
    return subprocess.run([house.tool("facectl"), "evaluate", "-c",
                           os.path.join(house.TOP, "config/faced.conf"), *map(str, args)],
                          capture_output=True, text=True, timeout=4 * house.PATIENCE,
                          env={**os.environ, "FACED_MODELS": house.MODELS})


def files(scenes, scene):
    name = os.path.join(scenes, scene.replace(":", "-"))
    return "--video", name + ".mkv", "--truth", name + ".truth.jsonl"


@pytest.mark.parametrize("scene", SCENES)
def test_everybody_has_one_record(scenes, scene):
    r = evaluate("--json", *files(scenes, scene))
    assert r.returncode == 0, r.stderr
    found = json.loads(r.stdout)
    with open(files(scenes, scene)[3]) as f:
        header = json.loads(f.readline())
    assert found["people"] == sum(p["counts"] for p in header["people"]) > 1
    assert {k: found[k] for k in ("missed", "doubled", "extra")} == {
        "missed": 0, "doubled": 0, "extra": 0}, found
    assert found["idf1"] >= 0.95 and found["mota"] >= 0.95, found


def test_what_is_wrong_is_one_sentence(tmp_path):
    clip = house.media_of("asl-bird")
    truth = tmp_path / "truth.jsonl"
    cases = {
        "": "there is no picture in it",
        "{}\n": "line 1: the first line has no width, height and fps",
        '{"width": 9, "height": 9, "fps": 5}\n{"time": 0, "people": [{"id": 1}]}\n':
            "line 2: a box is not [x, y, w, h]",
        '{"width": 9, "height": 9, "fps": 5}\n' + 2 * '{"time": 0, "people": []}\n':
            "line 3: its time does not come after the line before",
    }
    for text, sentence in cases.items():
        truth.write_text(text)
        r = evaluate("--video", clip, "--truth", truth)
        assert (r.returncode, r.stdout, r.stderr.count("\n")) == (1, "", 1)
        assert sentence in r.stderr
    truth.write_text('{"width": 9, "height": 9, "fps": 5}\n{"time": 0, "people": []}\n')
    r = evaluate("--video", tmp_path / "none.mkv", "--truth", truth)
    assert r.returncode == 1 and "none.mkv" in r.stderr
    assert evaluate("--video", clip).returncode == 2
