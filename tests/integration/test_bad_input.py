"""Bad input gets one clear sentence with the way out and the right exit code; nothing is lost."""
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

import house


def faced(conf, *args, env=None):
    r = subprocess.run([house.tool("faced"), "-c", str(conf), *args], capture_output=True,
                       text=True, errors="replace", timeout=house.PATIENCE,
                       env={**os.environ, "FACED_MODELS": house.MODELS, **(env or {})})
    return r.returncode, r.stdout, r.stderr


def write(tmp_path, text):
    path = tmp_path / "faced.conf"
    path.write_text(text) if isinstance(text, str) else path.write_bytes(text)
    return path


CARDS = {"FACED_MODELS": os.path.join(house.TOP, "models")}  # without their nets
GOOD = 'cameras: ( { name = "door"; url = "rtsp://192.0.2.7/stream2"; } );\n'


@pytest.mark.parametrize("text, expected", [
    ('cameras: ( { name = "door"; url = "rtsp://h/x"; fsp = 5.0; } );', r"fsp.*fps"),
    ('cameras: ( { name = "door"; url = "rtsp://h/x"; fps = 50; } );', "0.5 to 30"),
    ('cameras: ( { name = "door"; url = "rtsp://h/x"; fps = "fast"; } );', "number"),
    ('cameras: ( { name = "Front Door"; url = "rtsp://h/x"; } );', "a-z 0-9 _ -"),
    ('cameras: ( { name = "door"; } );', "url"),
    ('cameras: ( { url = "rtsp://h/x"; } );', "name"),
    ('cameras: ( { name = "a"; url = "rtsp://h/x"; }, { name = "a"; url = "rtsp://h/y"; } );',
     "taken by"),
    ('cameras: ( { name = "a"; url = "ftp://h/x"; } );', "rtsp"),
    ('cameras = 5;', "list"),
    ('cameras: ( { name = ; url = "rtsp://h/x"; } );', "syntax"),
    (GOOD + 'mqtt: { url = "http://broker"; };', "mqtt://"),
    (GOOD + 'track: { lost = "soon"; };', "500ms|duration|3s"),
    (GOOD + 'mqtt: { url = "mqtt://h"; password = "${file:nobody-has-this}"; };',
     "nobody-has-this"),
    (GOOD + 'mqtt: { url = "mqtt://h"; password = "${env:NOBODY_HAS_THIS}"; };',
     "NOBODY_HAS_THIS"),
    (b"\x00\xff\xfe\x01 random bytes \x80", r"faced\.conf"),
    ("", "camera"),
])
def test_bad_configuration(tmp_path, text, expected):
    conf = write(tmp_path, text)
    for args in (("--check-config",), ()):
        code, _, said = faced(conf, *args)
        assert code == 78, said
        assert len(said.strip().splitlines()) == 1, said
        assert str(conf) in said and re.search(expected, said), said


def test_the_line_of_the_mistake_is_named(tmp_path):
    conf = write(tmp_path, 'node = "x";\n\ncameras: (\n { name = "door";\n   url = "rtsp://h/x";\n'
                           '   fps = 99.5; }\n);\n')
    code, _, said = faced(conf, "--check-config")
    assert code == 78 and f"{conf}:6: " in said


def test_missing_configuration(tmp_path):
    code, _, said = faced(tmp_path / "none.conf")
    assert code == 78 and "none.conf" in said and "No such file" in said


def test_good_configuration(tmp_path):
    code, out, said = faced(write(tmp_path, GOOD), "--check-config", env=CARDS)
    assert (code, said) == (0, "") and "1 camera" in out


@pytest.mark.parametrize("models, expected", [
    ('attributes = "xceptoin";', r'models\.attributes = "xceptoin": .*xceptoin\.card\.json.*facectl models'),
    ('detector = "xception";', r'models\.detector = "xception": it is the card of attributes'),
    ('attributes = "yunet";', r'models\.attributes = "yunet": it is the card of a detector'),
    ('detector = "torn";', r"torn\.card\.json.*not a model card"),
])
def test_a_model_that_cannot_be_meant_is_bad_configuration(tmp_path, models, expected):
    shutil.copytree(CARDS["FACED_MODELS"], tmp_path / "models")
    (tmp_path / "models/torn.card.json").write_text('{ "name": ')
    env = {"FACED_MODELS": str(tmp_path / "models")}
    conf = write(tmp_path, f'database: {{ path = "{tmp_path}/faced.db"; }}; '
                           f'models: {{ {models} }};\n' + GOOD)
    for args in (("--check-config",), ()):
        code, _, said = faced(conf, *args, env=env)
        assert code == 78 and len(said.strip().splitlines()) == 1, said
        assert str(conf) in said and re.search(expected, said), said
    assert faced(conf, "--dump-config", env=env)[0] == 0
    assert not (tmp_path / "faced.db").exists()


def test_models_on_a_disk_that_is_not_there_yet(tmp_path):
    """That may pass, so the daemon is tried again: not 78."""
    env = {"FACED_MODELS": str(tmp_path / "models")}
    conf = write(tmp_path, f'database: {{ path = "{tmp_path}/faced.db"; }};\n'
                           f'control = "{tmp_path}/c.sock";\n' + GOOD)
    code, _, said = faced(conf, "--check-config", env=env)
    assert code == 78 and "models.dir" in said and "faced-models" in said
    code, _, said = faced(conf, env=env)
    assert code == 1 and str(tmp_path / "models") in said, said


def test_wrong_usage(tmp_path):
    for args in (["--bogus"], ["--once", "many"], ["stray"]):
        r = subprocess.run([house.tool("faced")] + args, capture_output=True, text=True)
        assert r.returncode == 2 and r.stderr
    r = subprocess.run([house.tool("facectl"), "evnets"], capture_output=True, text=True)
    assert r.returncode == 2 and "evnets" in r.stderr


def start_with(tmp_path, camera, **keys):
    conf = write(tmp_path, house.config(str(tmp_path / "faced.db"), str(tmp_path / "c.sock"),
                                        {"door": {"url": str(camera), **keys}}, None))
    return conf


@pytest.mark.models
@pytest.mark.parametrize("kind, expected", [
    ("missing", "No such file|not there|does not exist|no such file"),
    ("text", "not a video|text|no video"),
    ("directory", "directory|folder"),
    ("random", "video"),
])
def test_file_that_is_no_video(tmp_path, kind, expected):
    path = tmp_path / "camera.mp4"
    if kind == "text":
        path.write_text("Dear Sir or Madam,\n" * 500)
    elif kind == "directory":
        path.mkdir()
    elif kind == "random":
        path.write_bytes(os.urandom(100000))
    code, _, said = faced(start_with(tmp_path, path, pace="max"), "--once", "0")
    assert code == 1, said
    complaints = [x for x in said.splitlines() if x.startswith("error camera: door:")]
    assert len(complaints) == 1 and re.search(expected, complaints[0]), said


@pytest.mark.models
@pytest.mark.parametrize("damage", ["truncated", "text", "missing", "no card"])
def test_model_that_is_none(tmp_path, damage):
    models = tmp_path / "models"
    shutil.copytree(house.MODELS, models, symlinks=False)
    net = next(p for p in models.glob("*yunet*.onnx") if p.name in (models / "yunet.card.json")
               .read_text())
    if damage == "truncated":
        data = net.read_bytes()
        net.write_bytes(data[:len(data) // 2])
    elif damage == "text":
        net.write_text("not a model\n")
    elif damage == "missing":
        net.unlink()
    else:
        net = models / "yunet.card.json"
        net.unlink()
    conf = start_with(tmp_path, house.media_of("classroom"), pace="max")
    code, _, said = faced(conf, "--once", "0", env={"FACED_MODELS": str(models)})
    assert code == (78 if damage == "no card" else 1)
    errors = [x for x in said.splitlines() if x.startswith("error")]
    assert len(errors) == 1 and net.name in errors[0], said


@pytest.mark.models
def test_damaged_database_is_moved_aside(tmp_path):
    """Ours, but a page of it is rubbish: a new one is begun, and nothing is thrown away."""
    conf = start_with(tmp_path, house.media_of("classroom"), pace="max")
    assert faced(conf, "--once", "0")[0] == 0
    database = tmp_path / "faced.db"
    data = bytearray(database.read_bytes())
    data[100:4096] = os.urandom(3996)
    database.write_bytes(data)
    code, _, said = faced(conf, "--once", "0")
    assert code == 0, said
    aside = [p for p in tmp_path.iterdir() if "damaged" in p.name]
    assert len(aside) == 1 and aside[0].read_bytes() == data
    assert aside[0].name in said
    assert sqlite3.connect(database).execute("SELECT count(*) FROM faces").fetchone() == (4,)


@pytest.mark.models
@pytest.mark.parametrize("kind", ["directory missing", "is a directory", "other program's", "a letter"])
def test_database_that_cannot_be_used(tmp_path, kind):
    conf = start_with(tmp_path, house.media_of("classroom"), pace="max")
    database = tmp_path / "faced.db"
    if kind == "directory missing":
        conf.write_text(conf.read_text().replace(str(database), str(tmp_path / "no/faced.db")))
    elif kind == "is a directory":
        database.mkdir()
    elif kind == "a letter":
        database.write_text("Dear Sir or Madam,\n")
    else:
        db = sqlite3.connect(database)
        db.execute("CREATE TABLE accounts (name TEXT)")
        db.commit()
        db.close()
    before = sorted(p.name for p in tmp_path.iterdir())
    code, _, said = faced(conf, "--once", "0")
    assert code == 1
    errors = [x for x in said.splitlines() if x.startswith("error")]
    assert len(errors) == 1 and "faced.db" in errors[0], said
    assert [n for n in sorted(p.name for p in tmp_path.iterdir()) if "lock" not in n] == before


@pytest.mark.models
@pytest.mark.parametrize("small_disk", ["300k"], indirect=True)
def test_full_disk_is_a_state(running, small_disk):
    """Nothing more fits: the daemon says so once, goes on, and stops cleanly."""
    daemon = running(house.Daemon(small_disk, {"room": {"url": house.media_of("classroom"),
                                                        "pace": "max", "loop": True}}))
    trouble = r"^(warning|error) store: .*(full|I/O|write)"
    daemon.wait_line(trouble, timeout=60)
    assert "database" in daemon.ctl("status", "--json").stdout
    assert daemon.stop() == 0
    assert 1 <= daemon.count(trouble) <= 3
    assert daemon.integrity() == "ok"
