"""What is kept of people: no picture unless asked for, and with aggregate_only nothing of anybody."""
import glob
import os
import re
import sqlite3
import time

import pytest

import house

pytestmark = pytest.mark.models
MAGICS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"BM")
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def files_of(directory):
    return [f for f in glob.glob(os.path.join(str(directory), "**"), recursive=True)
            if os.path.isfile(f)]


def once(running, tmp_path, broker, extra="", args=("--once", "0"), **kw):
    """The four people of the classroom, once through."""
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max"}}, broker.port, extra=extra,
        args=args, **kw))
    assert daemon.wait() == 0
    return daemon


def test_no_picture_is_written_by_default(running, tmp_path, broker):
    daemon = once(running, tmp_path, broker)
    assert len(daemon.rows()) == 4
    for f in files_of(tmp_path):
        head = open(f, "rb").read(8)
        assert not head.startswith(MAGICS), f
    assert not os.path.exists(daemon.database + ".crops")
    assert "picture of each person" not in daemon.text


def test_one_picture_of_each_person_when_asked_for(running, tmp_path, broker):
    daemon = once(running, tmp_path, broker, "privacy: { store_crops = true; };")
    daemon.wait_line(r"warning main: a picture of each person's face is kept in '.*\.crops' for 7d")
    ids = sorted(r["id"] for r in daemon.rows())
    directory = daemon.database + ".crops"
    assert sorted(os.listdir(directory)) == [f"{i}.jpg" for i in ids] and len(ids) == 4
    assert oct(os.stat(directory).st_mode & 0o777) == "0o750"
    for row in daemon.rows("SELECT * FROM crops"):
        path = os.path.join(directory, row["file"])
        data = open(path, "rb").read()
        assert data.startswith(b"\xff\xd8\xff") and data.endswith(b"\xff\xd9")
        assert row["bytes"] == len(data) < 40000 and row["id"] + ".jpg" == row["file"]
        assert os.stat(path).st_mode & 0o007 == 0
        assert b"Exif" not in data
        w, h = house.picture_size(path)
        assert 0 < max(w, h) <= 320
    assert daemon.ctl("verify").returncode == 0

    # The record goes, and its picture with it.
    first = daemon.rows()[0]
    daemon.ctl("erase", "--since", first["start_time"], "--until",
               "2999-01-01", "--yes")
    assert os.listdir(directory) == [] and daemon.rows("SELECT * FROM crops") == []


def test_pictures_go_when_their_time_is_over(running, tmp_path, broker):
    daemon = once(running, tmp_path, broker, "privacy: { store_crops = true; };")
    directory = daemon.database + ".crops"
    assert len(os.listdir(directory)) == 4
    db = sqlite3.connect(daemon.database)
    with db:
        db.execute("UPDATE crops SET made_us = ?", ((time.time_ns() // 1000) - 8 * 86400 * 10**6,))
    db.close()
    open(os.path.join(directory, "0190aaaa-0000-7000-8000-000000000000.jpg"), "w").close()
    daemon.ctl("prune")
    assert os.listdir(directory) == [], "the one without a row was swept"
    assert len(daemon.rows()) == 4, "the records stay"


def test_a_directory_that_cannot_be_written_costs_the_picture_only(running, tmp_path, broker):
    (tmp_path / "faced.db.crops").write_text("no directory")
    daemon = once(running, tmp_path, broker, "privacy: { store_crops = true; };")
    daemon.wait_line(r"error store: picture '.*' cannot be written")
    assert len(daemon.rows()) == 4 and daemon.rows("SELECT * FROM crops") == []


def test_sums_and_nothing_about_anybody(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = once(running, tmp_path, broker,
                  "privacy: { aggregate_only = true; };")
    daemon.wait_line(r"info main: sums are kept, and nothing about anybody")
    subscriber.wait_topic("test/status", "offline")
    sums = daemon.rows("SELECT sum(people) AS n, sum(stay_us) AS us, count(*) AS rows FROM quarters")
    assert sums[0]["n"] == 4 and sums[0]["us"] > 0
    for table in ("record", "observation", "outbox", "crops"):
        assert daemon.rows(f"SELECT * FROM {table}") == [], table
    topics = {t.split("/", 2)[2] for t, _, _ in subscriber.messages}
    assert topics <= {"status", "stats", "room/status", "room/count", "room/enabled/state"}
    assert any(t.endswith("room/count") and p != "0" for t, p, _ in subscriber.messages)
    epoch = daemon.rows("SELECT epoch FROM meta")[0]["epoch"].encode()
    for f in files_of(tmp_path):
        found = set(UUID.findall(open(f, "rb").read())) - {epoch}
        assert not found, f"{f}: {found}"
    r = daemon.ctl("events")
    assert "privacy.aggregate_only" in r.stderr
    assert "is sound" in daemon.ctl("verify").stdout
    said = daemon.ctl("erase", "--camera", "room", "--yes").stdout
    assert said == f"0 records erased, and {sums[0]['rows']} sums of whole quarters of an hour\n"
    assert daemon.rows("SELECT * FROM quarters") == []


def test_both_together_are_refused(running, tmp_path):
    daemon = running(house.Daemon(tmp_path, {"a": "x.mkv"},
                                  extra="privacy: { store_crops = true; aggregate_only = true; };"))
    assert daemon.wait() == 78
    daemon.wait_line(r"privacy: with 'aggregate_only' nothing is kept of anybody")
