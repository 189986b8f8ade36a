"""A database that cannot be written is a state, also at the start: faced keeps watching, writes when
it can again, and says both once."""
import contextlib
import errno
import os
import shutil
import sqlite3
import subprocess

import pytest

import house

pytestmark = pytest.mark.models
FAILS = r"error store: database .*; people are kept in memory"
OVER = r"is being written again after \d+ \w+, 0 records were lost"


def watching(directory, database=None, broker=None, **kwargs):
    """A daemon that sees people come and go without an end. database: where else it is."""
    daemon = house.Daemon(directory, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}, broker, start=False,
        **kwargs)
    if database:
        with open(daemon.conf) as f:
            text = f.read()
        with open(daemon.conf, "w") as f:
            f.write(text.replace(daemon.database, database))
        daemon.database = database
    return daemon


def wait_more(daemon, than):
    daemon.wait_rows(f"SELECT * FROM faces WHERE seq > {than}", 1)


def highest(daemon):
    return daemon.rows("SELECT coalesce(max(seq), 0) AS n FROM faces")[0]["n"]


def trouble_of(daemon):
    """What the status says of the database; None: nothing."""
    for t in daemon.status()["troubles"]:
        if t["who"] == "database":
            return t
    return None


def assert_whole(daemon, subscriber=None):
    """Nothing was lost, nothing was doubled."""
    assert daemon.stop() == 0
    assert daemon.ctl("verify").stdout.strip().endswith("is sound")
    seqs = [r["seq"] for r in daemon.rows("SELECT seq FROM faces ORDER BY seq")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert daemon.count(FAILS) == 1 and daemon.count(OVER) == 1
    if subscriber:
        subscriber.wait_topic("test/status", "offline")
        msgs = sorted({e["msg"] for e in subscriber.events()})
        assert msgs == list(range(1, len(msgs) + 1))
        assert sorted(e["seq"] for e in subscriber.events("end")) == seqs


def fill_up(disk):
    with open(disk / "ballast", "wb", buffering=0) as f, contextlib.suppress(OSError):
        while f.write(b"x" * 4096):
            pass


def test_full_disk(running, tmp_path, small_disk, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(watching(tmp_path, str(small_disk / "faced.db"), broker.port).start())
    wait_more(daemon, 2)
    fill_up(small_disk)
    daemon.wait_line(FAILS)
    assert "database or disk is full" in daemon.text and "make room on its disk" in daemon.text
    assert "full" in trouble_of(daemon)["text"]
    assert daemon.status()["cameras"]["room"]["state"] == "online"
    os.unlink(small_disk / "ballast")
    daemon.wait_line(OVER)
    wait_more(daemon, highest(daemon))
    assert trouble_of(daemon) is None
    assert_whole(daemon, subscriber)


@pytest.mark.parametrize("trouble", ["full", "read-only", "new and read-only"])
def test_a_disk_that_takes_nothing_at_the_start(running, tmp_path, small_disk, broker, trouble):
    subscriber = running(house.Subscriber(broker.port))
    daemon = watching(tmp_path, str(small_disk / "faced.db"), broker.port)
    if not trouble.startswith("new"):
        running(daemon.start())
        wait_more(daemon, 2)
        assert daemon.stop() == 0
    if trouble == "full":
        fill_up(small_disk)
    else:
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    running(daemon.start()).wait_ready()
    daemon.wait_line(FAILS)
    said = "make room on its disk" if trouble == "full" else "make its disk writable"
    assert said in daemon.text and said in trouble_of(daemon)["text"]
    daemon.wait_line(r"room: streaming")
    r = daemon.ctl("prune", check=False)
    assert r.returncode == 1 and r.stderr
    if trouble == "full":
        os.unlink(small_disk / "ballast")
    else:
        subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    daemon.wait_line(OVER)
    wait_more(daemon, highest(daemon))
    assert trouble_of(daemon) is None
    assert_whole(daemon, subscriber)


def test_an_old_database_is_held_at_the_start(running, tmp_path):
    daemon = watching(tmp_path)
    shutil.copy(os.path.join(house.TOP, "tests/data/faced-schema-1.db"), daemon.database)
    db = sqlite3.connect(daemon.database, isolation_level=None)
    db.execute("UPDATE camera SET enabled = 0 WHERE name = 'room'")  # a command switched it off
    db.execute("BEGIN EXCLUSIVE")
    running(daemon.start()).wait_ready()
    daemon.wait_line(FAILS)
    assert "it cannot be upgraded" in daemon.text
    assert "end the program that keeps it locked" in trouble_of(daemon)["text"]
    db.execute("ROLLBACK")
    db.close()
    daemon.wait_line(OVER)
    daemon.wait_rows("SELECT 1 FROM cameras WHERE name = 'room' AND state = 'disabled'", 1)
    assert daemon.rows("PRAGMA user_version")[0]["user_version"] == 2
    assert daemon.stop() == 0
    assert "is sound" in daemon.ctl("verify").stdout


@pytest.mark.parametrize("code", [errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing(running, tmp_path, broker, code):
    subscriber = running(house.Subscriber(broker.port))
    by = tmp_path / "trouble"
    daemon = watching(tmp_path, broker=broker.port, env={
        "LD_PRELOAD": house.preload("failio.so"), "FAILIO_BY": str(by),
        "FAILIO_AT": str(tmp_path / "faced.db")})
    running(daemon.start())
    wait_more(daemon, 2)
    (tmp_path / "coming").write_text(str(code))
    (tmp_path / "coming").rename(by)  # at once with what stands in it
    daemon.wait_line(FAILS)
    assert os.strerror(code) in daemon.text
    by.unlink()
    daemon.wait_line(OVER)
    wait_more(daemon, highest(daemon))
    assert_whole(daemon, subscriber)


def test_somebody_holds_the_database(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(watching(tmp_path, broker=broker.port).start())
    wait_more(daemon, 2)
    db = sqlite3.connect(daemon.database, isolation_level=None, timeout=30)
    db.execute("BEGIN EXCLUSIVE")
    daemon.wait_line(FAILS)
    assert "end the program that keeps it locked" in daemon.text
    r = daemon.ctl("prune", check=False)
    assert r.returncode == 1 and "locked" in r.stderr
    db.execute("ROLLBACK")
    db.close()
    daemon.wait_line(OVER)
    wait_more(daemon, highest(daemon))
    assert_whole(daemon, subscriber)


def test_the_directory_is_moved_away_and_back(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    (tmp_path / "data").mkdir()
    daemon = running(watching(tmp_path, str(tmp_path / "data/faced.db"), broker.port).start())
    wait_more(daemon, 2)
    os.rename(tmp_path / "data", tmp_path / "elsewhere")
    daemon.wait_line(FAILS)
    assert "there is no directory" in trouble_of(daemon)["text"]
    os.rename(tmp_path / "elsewhere", tmp_path / "data")
    daemon.wait_line(OVER)
    wait_more(daemon, highest(daemon))
    assert_whole(daemon, subscriber)


def test_the_directory_is_deleted_and_made_again(running, tmp_path):
    (tmp_path / "data").mkdir()
    daemon = running(watching(tmp_path, str(tmp_path / "data/faced.db")).start())
    wait_more(daemon, 2)
    epoch = daemon.rows("SELECT epoch FROM meta")[0]["epoch"]
    shutil.rmtree(tmp_path / "data")
    daemon.wait_line(FAILS)
    (tmp_path / "data").mkdir()
    daemon.wait_line(OVER)
    wait_more(daemon, 1)
    assert daemon.rows("SELECT epoch FROM meta")[0]["epoch"] != epoch
    # And it is ours alone, there as well.
    second = running(watching(tmp_path, str(tmp_path / "data/faced.db")).start())
    assert second.wait() == 1 and "in use by another faced" in second.text
    assert daemon.stop() == 0
    assert "is sound" in daemon.ctl("verify").stdout


def test_the_files_are_removed_under_it(running, tmp_path):
    daemon = running(watching(tmp_path).start())
    wait_more(daemon, 2)
    epoch = daemon.rows("SELECT epoch FROM meta")[0]["epoch"]
    for name in ("faced.db", "faced.db-wal", "faced.db-shm"):
        os.unlink(tmp_path / name)
    daemon.wait_line(r"was removed while faced used it: faced goes on with a new one")
    wait_more(daemon, 1)
    assert daemon.rows("SELECT epoch FROM meta")[0]["epoch"] != epoch
    assert daemon.stop() == 0
    assert "is sound" in daemon.ctl("verify").stdout


def test_a_copy_takes_its_place_under_it(running, tmp_path):
    daemon = running(watching(tmp_path).start())
    wait_more(daemon, 2)
    daemon.ctl("backup", str(tmp_path / "copy"))
    wait_more(daemon, highest(daemon))
    os.rename(tmp_path / "copy", tmp_path / "faced.db")
    daemon.wait_line(r"was exchanged while faced used it")
    kept = highest(daemon)
    wait_more(daemon, kept)
    assert daemon.stop() == 0
    assert "is sound" in daemon.ctl("verify").stdout
