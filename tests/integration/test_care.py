"""Retention, erasure, copies and the look through: facectl beside a running daemon and alone."""
import glob
import json
import os
import sqlite3
import subprocess
import threading
import time

import pytest

import house

OLD = os.path.join(house.TOP, "tests/data/faced-schema-1.db")
HOUR = 3_600_000_000


def absent(directory, **kwargs):
    """A daemon whose one camera is a file that is not there: nobody comes."""
    return house.Daemon(directory, {"door": os.path.join(str(directory), "absent.mkv")}, **kwargs)


def fill(daemon, people, age_us=0, camera="door"):
    """So many more people in the database, who came one a second until age_us ago."""
    now = time.time_ns() // 1000 - age_us
    db = sqlite3.connect(daemon.database, timeout=30)
    with db:
        seq = db.execute("SELECT next_seq FROM meta").fetchone()[0]
        for i in range(people):
            start = now - (people - i) * 1_000_000
            db.execute("INSERT INTO record(id, seq, node, camera, start_us, last_us, end_reason, "
                       "age_unknown, gender_unknown, samples, detector, attributes) VALUES "
                       "(?, ?, 'test', ?, ?, ?, 'left', 'profile', 'profile', 1, 'd', 'a')",
                       (f"0190{seq + i:04x}-0000-7000-8000-{start % 16**12:012x}", seq + i, camera, start,
                        start + 500_000))
        db.execute("UPDATE meta SET next_seq = ?", (seq + people,))
        db.execute("DELETE FROM quarters")
        db.execute("INSERT INTO quarters SELECT start_us - start_us % 900000000, camera, "
                   "coalesce(age_range, ''), coalesce(gender, ''), count(*), "
                   "sum(last_us - start_us) FROM record WHERE end_reason IS NOT NULL "
                   "GROUP BY 1, 2, 3, 4")
    db.close()


def begun(directory, **kwargs):
    """A daemon that was started once, so that its database is there."""
    daemon = absent(directory, **kwargs)
    daemon.wait_ready()
    assert daemon.stop() == 0
    return daemon


def count(daemon, where="1"):
    return daemon.rows(f"SELECT count(*) AS n FROM faces WHERE {where}")[0]["n"]


def bytes_of(daemon):
    """All that stands in the files of the database."""
    text = b""
    for name in glob.glob(daemon.database + "*"):
        if os.path.isfile(name):
            with open(name, "rb") as f:
                text += f.read()
    return text


@pytest.fixture(params=["running", "down"])
def daemon(request, running, tmp_path):
    """A daemon with a day's people, with which facectl talks, or on whose file it works."""
    d = begun(tmp_path)
    fill(d, 300, age_us=24 * HOUR)
    fill(d, 200)
    if request.param == "running":
        running(d.start()).wait_ready()
    yield d
    if request.param == "running":
        assert d.stop() == 0
    assert d.integrity() == "ok"


@pytest.mark.models
def test_erase_removes_for_good(daemon):
    gone = [r["id"] for r in daemon.rows() if r["start_us"] < time.time_ns() // 1000 - HOUR]
    assert len(gone) == 300
    assert all(i.encode() in bytes_of(daemon) for i in gone)
    said = daemon.ctl("erase", "--until", "1h", "--camera", "door", "--yes", "--json").stdout
    answer = json.loads(said)
    assert (answer["records"], answer["still_there"], answer["wal_kept"]) == (300, 0, False)
    everything = bytes_of(daemon)
    assert not [i for i in gone if i.encode() in everything]
    assert count(daemon) == 200
    assert daemon.rows("SELECT sum(people) AS n FROM quarters")[0]["n"] == 200
    assert daemon.ctl("verify").returncode == 0
    again = daemon.ctl("erase", "--until", "1h", "--yes").stdout
    assert again == "0 records erased\n"


@pytest.mark.models
def test_prune_is_retention_now(daemon):
    with open(daemon.conf) as f:
        text = f.read()
    with open(daemon.conf, "w") as f:
        f.write(text.replace('faced.db"; };', 'faced.db"; retention = "2h"; };'))
    if daemon.p.poll() is None:
        daemon.reload()
        daemon.wait_line(r"reloaded .*database")
        daemon.wait_rows("SELECT 1 FROM meta WHERE records_removed = 300", 1)
        assert daemon.ctl("prune").stdout == "0 records removed\n"  # retention was there before
    else:
        assert daemon.ctl("prune").stdout.startswith("300 records removed")
    assert count(daemon) == 200
    assert daemon.rows("SELECT sum(people) AS n FROM quarters")[0]["n"] == 500
    assert daemon.ctl("verify").returncode == 0


@pytest.mark.models
def test_events_go_on_while_much_is_erased(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}, broker.port)
    running(daemon).wait_ready()
    assert daemon.stop() == 0
    fill(daemon, 20000, age_us=HOUR)
    running(daemon.start()).wait_ready()
    before = len(subscriber.events("end"))
    answer = json.loads(daemon.ctl("erase", "--camera", "door", "--yes", "--json").stdout)
    assert answer["records"] == 20000
    subscriber.wait_events("end", before + 3)
    assert count(daemon, "camera = 'door'") == 0
    assert daemon.stop() == 0
    assert daemon.ctl("verify").returncode == 0
    msgs = [e["msg"] for e in subscriber.events()]
    assert sorted(set(msgs)) == list(range(1, len(set(msgs)) + 1))


@pytest.mark.models
def test_one_at_a_time_and_strangers_are_answered(running, tmp_path):
    daemon = begun(tmp_path)
    fill(daemon, 20000, age_us=HOUR)
    running(daemon.start()).wait_ready()
    results = []
    first = threading.Thread(target=lambda: results.append(
        daemon.ctl("erase", "--camera", "door", "--yes", check=False)))
    first.start()
    daemon.wait_line(r"erase: asked")
    second = daemon.ctl("prune", check=False)
    first.join()
    assert results[0].returncode == 0
    # Either it was still under way, or this machine is faster than its tests.
    assert second.returncode == 0 or "already pruning or erasing" in second.stderr
    for request in ({"command": "erase"}, {"command": "erase", "camera": 5},
                    {"command": "erase", "since_us": "x"}, {"command": "erase", "until_us": -1},
                    {"command": "erase", "camera": "x" * 100}):
        assert "error" in daemon.ask(request)
    assert daemon.stop() == 0


@pytest.mark.models
def test_a_copy_is_restored_and_begins_a_new_epoch(running, tmp_path, broker):
    daemon = house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}, broker.port)
    running(daemon).wait_ready()
    daemon.wait_rows("SELECT * FROM faces WHERE end_us IS NOT NULL", 5)
    copy = tmp_path / "copy.db"
    answer = json.loads(daemon.ctl("backup", str(copy), "--json").stdout)
    assert answer["bytes"] == copy.stat().st_size and answer["records"] >= 5
    assert copy.stat().st_mode & 0o777 == 0o600
    refused = daemon.ctl("backup", str(copy), check=False)
    assert refused.returncode == 1 and "--force" in refused.stderr
    assert daemon.ctl("backup", str(copy), "--force").returncode == 0
    assert daemon.stop() == 0
    epoch = daemon.rows("SELECT epoch FROM meta")[0]["epoch"]

    for name in glob.glob(daemon.database + "*"):
        os.unlink(name)
    os.rename(copy, daemon.database)
    assert "is sound" in daemon.ctl("verify").stdout
    subscriber = running(house.Subscriber(broker.port))
    running(daemon.start()).wait_ready()
    subscriber.wait_events("new", 1)
    assert daemon.stop() == 0
    events = subscriber.events()
    assert len({e["epoch"] for e in events}) == 1 and events[0]["epoch"] != epoch
    assert sorted({e["msg"] for e in events})[0] == 1
    assert daemon.ctl("verify").returncode == 0


@pytest.mark.models
def test_an_old_database_is_upgraded_and_sound(running, tmp_path):
    daemon = absent(tmp_path, start=False, extra="")
    with open(OLD, "rb") as f, open(daemon.database, "wb") as g:
        g.write(f.read())
    refused = daemon.ctl("verify", check=False)
    assert refused.returncode == 1 and "start faced once" in refused.stderr
    running(daemon.start()).wait_ready()
    assert daemon.stop() == 0
    assert daemon.rows("PRAGMA user_version")[0]["user_version"] == 2
    assert daemon.ctl("verify").returncode == 0
    assert daemon.rows("SELECT sum(people) AS n FROM quarters")[0]["n"] >= 33


def test_wrong_usage_is_refused_before_anything_is_done(tmp_path):
    daemon = absent(tmp_path, start=False)
    for args in (["erase"], ["erase", "--camera", "door"], ["erase", "--since", "soon", "--yes"],
                 ["backup"], ["backup", "a", "b"], ["prune", "x"], ["verify", "x"]):
        r = daemon.ctl(*args, check=False)
        assert r.returncode == 2 and r.stderr, args
    for args in (["erase", "--camera", "door", "--yes"], ["prune"], ["verify"],
                 ["backup", str(tmp_path / "copy")]):
        r = daemon.ctl(*args, check=False)
        assert r.returncode == 1 and daemon.database in r.stderr, args
    assert os.listdir(tmp_path) == ["faced.conf"]


@pytest.mark.models
def test_a_daemon_that_does_not_answer_keeps_its_database(running, tmp_path):
    daemon = running(absent(tmp_path)).wait_ready()
    os.unlink(daemon.control)
    r = daemon.ctl("prune", check=False)
    assert r.returncode == 1
    assert f"in use by another faced, process {daemon.p.pid}" in r.stderr
    assert daemon.control in r.stderr
    assert daemon.stop() == 0


@pytest.mark.models
def test_a_damaged_database_is_not_taken_for_an_empty_one(running, tmp_path):
    daemon = begun(tmp_path)
    fill(daemon, 5)
    with open(daemon.database, "r+b") as f:
        f.seek(100)
        f.write(b"X" * 16)
    before = bytes_of(daemon)
    for args in (["erase", "--since", "2020-01-01", "--yes"], ["prune"]):
        r = daemon.ctl(*args, check=False)
        assert r.returncode == 1 and not r.stdout
        assert "is damaged" in r.stderr and "start faced" in r.stderr and ".recover" in r.stderr
    assert bytes_of(daemon).startswith(before[:4096]) and not glob.glob(f"{daemon.database}.damaged-*")
    running(daemon.start()).wait_ready()
    daemon.wait_line("is damaged .*: it was moved to '.*damaged-.*' and a new one is begun")
    assert daemon.stop() == 0


@pytest.mark.models
def test_erase_asks_on_a_terminal(running, tmp_path):
    daemon = begun(tmp_path)
    fill(daemon, 5)
    argv = [house.tool("facectl"), "erase", "-c", daemon.conf, "--camera", "door"]
    for said, left, code in (("n\n", 5, 1), ("y\n", 0, 0)):
        master, slave = os.openpty()
        os.write(master, said.encode())
        r = subprocess.run(argv, stdin=slave, capture_output=True, text=True,
                           timeout=house.PATIENCE)
        os.close(slave)
        os.close(master)
        assert r.returncode == code, r.stderr
        assert "Remove 5 records for good?" in r.stderr
        assert count(daemon) == left


@pytest.mark.models
def test_long_work_shows_how_far_it_is(running, tmp_path):
    daemon = begun(tmp_path)
    fill(daemon, 30000)
    master, slave = os.openpty()
    p = subprocess.Popen([house.tool("facectl"), "erase", "-c", daemon.conf, "--camera", "door",
                          "--yes", "--json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # the terminal's way to say that nobody writes any more
            break
        if not part:
            break
        shown += part
    os.close(master)
    assert json.loads(p.stdout.read())["records"] == 30000
    assert p.wait(house.PATIENCE) == 0
    assert b" %  " in shown and b"erased" in shown
    assert shown.endswith(b"\r")  # and leaves no trace
