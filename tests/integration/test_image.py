"""facectl image: the classic script's job on still pictures, with every kind of file that comes."""
import json
import os
import shutil
import socket
import subprocess
import urllib.parse

import cv2
import numpy
import pytest

import house

PICTURES = os.path.join(os.path.dirname(house.MODELS), "pictures")


@pytest.fixture(scope="module")
def pictures():
    found = sorted(os.listdir(PICTURES)) if os.path.isdir(PICTURES) else []
    if len(found) < 7:
        pytest.skip(f"no pictures in {PICTURES}: 'make models' brings them")
    return {os.path.splitext(name)[0]: os.path.join(PICTURES, name) for name in found}


def image(*args, code=0):
    env = {**os.environ, "FACED_MODELS": house.MODELS}
    r = subprocess.run([house.tool("facectl"), "image", *map(str, args)], env=env, text=True,
                       capture_output=True, timeout=house.PATIENCE)
    assert r.returncode == code, r.stdout + r.stderr
    assert "ERROR" not in r.stderr
    return r


def faces(*args):
    lines = [json.loads(line) for line in image("--json", *args).stdout.splitlines()]
    return lines[0] if len(lines) == 1 else lines


def overlap(a, b):
    """Intersection over union."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    both = max(0, w) * max(0, h)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def test_the_classic_pictures(pictures):
    """One face in each; who is clearly a man or a woman is told so, a child's gender is withheld
    with its reason, and every age range is plausible."""
    plausible = {"girl1": ("15-20", "25-32"), "girl2": ("4-6", "8-12"), "kid1": ("0-2", "4-6"),
                 "kid2": ("0-2", "4-6"), "man1": ("60-100",), "man2": ("25-32", "38-43"),
                 "woman1": ("38-43", "48-53")}
    for name, ranges in plausible.items():
        found = faces(pictures[name])["faces"]
        assert len(found) == 1, name
        age, gender = found[0]["age"], found[0]["gender"]
        assert age["range"] in ranges and age["unknown"] is None, name
        assert 0 < age["probability"] <= 1
        want = {"man": "male", "wom": "female", "gir": "female", "kid": None}[name[:3]]
        if gender["value"] is None:
            assert name[:3] in ("gir", "kid") and gender["unknown"], name
        elif want:
            assert gender["value"] == want, name


def test_json_is_the_contract(pictures):
    found = faces(pictures["man1"])
    assert list(found) == ["file", "width", "height", "faces"]
    height, width = cv2.imread(pictures["man1"]).shape[:2]
    assert (found["file"], found["width"], found["height"]) == (pictures["man1"], width, height)
    face = found["faces"][0]
    assert list(face) == ["box", "width_px", "score", "age", "gender"]
    assert list(face["age"]) == ["range", "years", "probability", "unknown"]
    assert list(face["gender"]) == ["value", "probability", "unknown"]
    assert all(0 <= v <= 1 for v in face["box"])
    assert abs(face["box"][2] * width - face["width_px"]) < 2


def test_a_name_that_is_no_text_is_told_all_the_same(pictures, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9 50%.jpg"
    shutil.copy(pictures["man1"], name)
    found = faces(os.fsdecode(name))
    assert found["file"] == f"{tmp_path}/caf? 50%.jpg"
    assert urllib.parse.unquote_to_bytes(found["file_encoded"]) == name
    assert "file_encoded" not in faces(pictures["man1"])


def test_a_line_for_a_person(pictures, tmp_path):
    cv2.imwrite(str(tmp_path / "wall.png"), numpy.full((200, 300, 3), 128, numpy.uint8))
    out = image(pictures["man1"], tmp_path / "wall.png").stdout.splitlines()
    assert len(out) == 2
    assert out[0].startswith(f"{pictures['man1']}: male ") and "60-100" in out[0]
    assert out[1] == f"{tmp_path}/wall.png: no face"
    assert faces(tmp_path / "wall.png")["faces"] == []


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp", "gif", "jpg"])
def test_every_kind_is_read(pictures, tmp_path, kind):
    file = tmp_path / f"man.{kind}"
    subprocess.run(["ffmpeg", "-loglevel", "error", "-i", pictures["man1"], file], check=True)
    was, now = faces(pictures["man1"])["faces"], faces(file)["faces"]
    assert len(now) == 1 and now[0]["gender"]["value"] == "male"
    assert overlap(was[0]["box"], now[0]["box"]) > 0.7


def with_orientation(jpeg, value):
    """The same JPEG with an Exif segment that names this orientation."""
    tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, value, 0, 0]) + bytes(4)
    segment = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


def test_a_picture_is_turned_as_the_camera_noted(pictures, tmp_path):
    upright = cv2.imread(pictures["man2"])
    stored = {  # what a camera held so stores of this scene
        1: upright, 2: cv2.flip(upright, 1), 3: cv2.rotate(upright, cv2.ROTATE_180),
        4: cv2.flip(upright, 0), 5: cv2.transpose(upright),
        6: cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE),
        7: cv2.rotate(cv2.transpose(upright), cv2.ROTATE_180),
        8: cv2.rotate(upright, cv2.ROTATE_90_CLOCKWISE)}
    files = []
    for value, pixels in stored.items():
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        files.append(tmp_path / f"{value}.jpg")
        files[-1].write_bytes(with_orientation(jpeg, value))
    height, width = upright.shape[:2]
    all_of_them = faces(*files)
    for found in all_of_them:
        assert (found["width"], found["height"]) == (width, height), found["file"]
        assert len(found["faces"]) == 1, found["file"]
        assert overlap(found["faces"][0]["box"], all_of_them[0]["faces"][0]["box"]) > 0.9


def test_what_is_transparent_is_white(pictures, tmp_path):
    bgr = cv2.imread(pictures["man1"])
    alpha = numpy.zeros(bgr.shape[:2], numpy.uint8)
    cv2.imwrite(str(tmp_path / "ghost.png"), numpy.dstack([bgr, alpha]))
    assert faces(tmp_path / "ghost.png")["faces"] == []
    cv2.imwrite(str(tmp_path / "man.png"), numpy.dstack([bgr, 255 - alpha]))
    assert len(faces(tmp_path / "man.png")["faces"]) == 1


def bad_files(folder, picture):
    jpeg = open(picture, "rb").read()
    png = cv2.imencode(".png", cv2.imread(picture))[1].tobytes()
    huge = bytearray(png)
    huge[16:24] = (60000).to_bytes(4, "big") * 2
    bent = bytearray(png)
    bent[len(bent) // 2] ^= 0xff
    files = {
        "empty.jpg": (b"", "the file is empty"),
        "text.jpg": (b"hello", "not a picture of a kind that is read"),
        "short.jpg": (jpeg[:len(jpeg) // 2], "ends before the picture does"),
        "short.png": (png[:len(png) // 2], "ends before the picture does"),
        "bent.png": (bytes(bent), "damaged"),
        "huge.png": (bytes(huge), "60000x60000 pixels are too many"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC and AVIF pictures are not read"),
    }
    for name, (data, _) in files.items():
        (folder / name).write_bytes(data)
    return files


def test_what_is_no_picture_is_one_sentence(pictures, tmp_path):
    for name, (_, words) in bad_files(tmp_path, pictures["man1"]).items():
        r = image(tmp_path / name, code=1)
        assert r.stdout == ""
        assert r.stderr.count("\n") == 1 and words in r.stderr
        assert r.stderr.startswith(f"facectl image: {tmp_path}/{name}: ")
    assert "No such file" in image(tmp_path / "absent.jpg", code=1).stderr


def test_what_is_no_file_is_not_waited_for(pictures, tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").mkdir()
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(tmp_path / "c.jpg"))
    shutil.copy(pictures["man1"], tmp_path / "d.jpg")
    for name in ("/dev/null", tmp_path / "a.jpg", tmp_path / "c.jpg"):
        assert image(name, code=1).stderr.splitlines() == [
            f"facectl image: {name}: not a file, but a pipe, a device or a folder"]
    r = image("--json", tmp_path, code=1)
    assert [json.loads(line)["file"] for line in r.stdout.splitlines()] == [f"{tmp_path}/d.jpg"]
    assert r.stderr.count("not a file") == 3


def test_a_folder_goes_on_behind_what_cannot_be_read(pictures, tmp_path):
    bad = bad_files(tmp_path, pictures["man1"])
    shutil.copy(pictures["man1"], tmp_path / "z.jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    r = image("--json", tmp_path, code=1)
    assert [json.loads(line)["file"] for line in r.stdout.splitlines()] == [f"{tmp_path}/z.jpg"]
    assert r.stderr.count("\n") == len(bad)
    (tmp_path / "none").mkdir()
    assert "no pictures in this folder" in image(tmp_path / "none", code=1).stderr


def changed(a, b):
    """Where two pictures differ clearly."""
    return (numpy.abs(a.astype(int) - b.astype(int)).max(axis=2) > 60)


@pytest.mark.parametrize("size", [(612, 408), (4000, 3000), (3840, 2160), (240, 160)])
def test_the_annotated_picture(pictures, tmp_path, size):
    """A box and a label whose size follows the picture; the face itself stays as it was."""
    plain = tmp_path / "plain.png"
    cv2.imwrite(str(plain), cv2.resize(cv2.imread(pictures["man1"]), size))
    out = tmp_path / "out.png"
    found = json.loads(image("--json", plain, "-o", out).stdout)["faces"]
    was, now = cv2.imread(str(plain)), cv2.imread(str(out))
    assert was.shape == now.shape
    assert len(found) == 1
    x, y, w, h = (int(v * s) for v, s in zip(found[0]["box"], size * 2))
    assert not changed(was, now)[y + h // 4:y + h * 3 // 4, x + w // 4:x + w * 3 // 4].any()
    rows = numpy.flatnonzero(changed(was, now)[:, x:x + w].sum(axis=1) > w / 2)
    label = (rows[rows < y].size or rows[rows > y + h].size)
    assert label > (size[0] * size[1]) ** 0.5 / 60  # as high as a word must be to be read


def test_where_the_annotated_picture_goes(pictures, tmp_path):
    assert "No such file" in image(pictures["man1"], "-o", tmp_path / "no/a.jpg", code=1).stderr
    assert ".jpg or .png" in image(pictures["man1"], "-o", tmp_path / "a.gif", code=2).stderr
    image(pictures["man1"], pictures["man2"], "-o", tmp_path / "folder")
    assert sorted(os.listdir(tmp_path / "folder")) == ["man1.jpg", "man2.jpg"]
    copy = shutil.copy(pictures["man1"], tmp_path / "mine.jpg")
    before = open(copy, "rb").read()
    assert "the picture itself" in image(copy, "-o", copy, code=1).stderr
    assert "the picture itself" in image(copy, "-o", tmp_path, code=1).stderr
    assert open(copy, "rb").read() == before
    assert "just written" in image(pictures["man1"], pictures["man1"], "-o", tmp_path / "f",
                                   code=1).stderr
    assert "for several pictures a folder" in image(copy, copy, "-o", copy, code=2).stderr
