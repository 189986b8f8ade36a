"""The levi-hassner card gives the probabilities of the classic script, on the same picture and box.

The classic script is written out below with OpenCV's own Python binding. The weights are random
(45 MB each are not carried about), the layers and sizes are the true ones. look is a small program
of tests/tools on the daemon's own path.
"""
import glob
import json
import os
import shutil
import subprocess
import sys

import pytest

cv2 = pytest.importorskip("cv2", reason="python3-opencv is not installed")

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.abspath(os.environ.get("BUILD", os.path.join(ROOT, "build")))
MODELS = os.path.abspath(os.environ.get("FACED_MODELS", os.path.join(BUILD, "models")))
PICTURES = os.environ.get("FACED_PICTURES", os.path.join(BUILD, "pictures"))
LOOK = os.environ.get("LOOK", os.path.join(BUILD, "look"))
MEAN = (78.4263377603, 87.7689143744, 114.895847746)

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """A folder with the card, the two graphs and weights made for them."""
    folder = tmp_path_factory.mktemp("levi-hassner")
    for name in ("age_deploy.prototxt", "gender_deploy.prototxt"):
        source = os.path.join(MODELS, name)
        if not os.path.exists(source):
            pytest.skip(f"{source} is not there: 'make models' brings it")
        shutil.copy(source, folder)
    shutil.copy(os.path.join(ROOT, "models", "levi-hassner.card.json"), folder)
    for net, seed in (("age", "1"), ("gender", "2")):
        subprocess.run(
            [sys.executable, os.path.join(ROOT, "tests", "tools", "make_caffe.py"),
             str(folder / f"{net}_deploy.prototxt"), str(folder / f"{net}_net.caffemodel"), seed],
            check=True)
    return folder


def classic(cards, jobs):
    """What the script computes: crop with 20 pixels of padding, blobFromImage, two nets."""
    nets = [cv2.dnn.readNet(str(cards / f"{net}_net.caffemodel"),
                            str(cards / f"{net}_deploy.prototxt")) for net in ("age", "gender")]
    answers = []
    for frame, (x1, y1, x2, y2) in jobs:
        padding = 20
        face = frame[max(0, y1 - padding):min(y2 + padding, frame.shape[0] - 1),
                     max(0, x1 - padding):min(x2 + padding, frame.shape[1] - 1)]
        blob = cv2.dnn.blobFromImage(face, 1.0, (227, 227), MEAN, swapRB=False)
        answer = []
        for net in nets:
            net.setInput(blob)
            answer.append(net.forward()[0].tolist())
        answers.append(answer)
    return answers


def test_probabilities_are_those_of_the_classic_script(cards, tmp_path):
    pictures = sorted(glob.glob(os.path.join(PICTURES, "*.jpg")))
    if not pictures:
        pytest.skip(f"no pictures in {PICTURES}: 'make models' brings them")
    if not os.access(LOOK, os.X_OK):
        pytest.skip(f"{LOOK} is not built")
    jobs, lines = [], []
    for i, path in enumerate(pictures):
        frame = cv2.imread(path)
        raw = tmp_path / f"{i}.bgr"
        frame.tofile(raw)
        h, w = frame.shape[:2]
        # a face in the middle, one in the corner whose padding leaves the picture, the whole
        for box in ((w // 4, h // 5, w // 4 + w // 3, h // 5 + h // 2),
                    (3, 5, w // 2, h // 2), (0, 0, w, h)):
            jobs.append((frame, box))
            x1, y1, x2, y2 = box
            lines.append(f"{raw} {w} {h} {x1} {y1} {x2 - x1} {y2 - y1}\n")
    run = subprocess.run([LOOK, str(cards), "levi-hassner"], input="".join(lines), check=True,
                         stdout=subprocess.PIPE, text=True)
    ours = [json.loads(line)["faces"][0] for line in run.stdout.splitlines()]
    theirs = classic(cards, jobs)
    assert len(ours) == len(theirs) == 3 * len(pictures)
    for face, (age, gender) in zip(ours, theirs):
        assert face["range_p"] == pytest.approx(age, abs=1e-4)
        assert face["female_p"] == pytest.approx(gender[1], abs=1e-4)
    # and the answers differ from picture to picture, so equality says something
    assert len({round(f["female_p"], 3) for f in ours}) > len(pictures)
