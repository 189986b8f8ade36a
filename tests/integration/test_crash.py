"""kill -9 at any moment: what was committed is there, what was open ends where it was last seen."""
import json
import random
import os
import signal

import pytest

import house

pytestmark = pytest.mark.models
SEED = int(os.environ.get("SEED", "20261123"))


def test_open_record_ends_at_its_last_sighting(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"door": house.clip("head-pose-face-detection-male.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, broker.port))
    new = subscriber.wait_events("new", 1)[0]
    daemon.stop(signal.SIGKILL)
    open_row = daemon.rows()[0]
    assert open_row["end_us"] is None and daemon.integrity() == "ok"
    subscriber.wait_topic("test/status", "offline")  # the will

    daemon.start()
    end = subscriber.wait_events("end", 1)[0]
    assert (end["id"], end["end_reason"], end["seq"]) == (new["id"], "restart", 1)
    row = [r for r in daemon.rows() if r["id"] == new["id"]][0]
    assert row["start_us"] == open_row["start_us"]
    assert row["start_us"] <= row["end_us"] < row["start_us"] + 12_000_000
    assert end["end_time"] == row["end_time"] and row["end_reason"] == "restart"
    assert daemon.stop() == 0


def test_killed_again_and_again_loses_and_doubles_nothing(running, tmp_path, broker):
    print(f"SEED={SEED}")
    draw = random.Random(SEED)
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}, broker.port,
        start=False))
    for i in range(8):
        daemon.start().wait_ready()
        already = len(subscriber.events())
        subscriber.wait(lambda ms: sum(t.endswith("/faces") for t, _, _ in ms) >=
                        already + draw.randint(1, 25), "more events")
        daemon.stop(signal.SIGKILL)
        assert daemon.integrity() == "ok"
    daemon.start()
    daemon.wait_ready()
    assert daemon.stop() == 0
    subscriber.wait_topic("test/status", "offline")

    events = subscriber.events()
    rows = {r["id"]: r for r in daemon.rows()}
    msgs = {}
    for e in events:
        same = {k: v for k, v in e.items() if k not in ("published", "replayed")}
        assert msgs.setdefault(e["msg"], same) == same, "one msg, one content"
    assert sorted(msgs) == list(range(1, len(msgs) + 1)), "no gap"
    assert len({e["epoch"] for e in events}) == 1
    assert daemon.rows("SELECT * FROM outbox") == []
    for kind in ("new", "end"):
        told = [m["id"] for m in msgs.values() if m["type"] == kind]
        assert sorted(told) == sorted(rows), f"one {kind} for each record"
    assert sorted(r["seq"] for r in rows.values()) == list(range(1, len(rows) + 1))
