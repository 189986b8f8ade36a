"""Cameras in trouble: one line, the status says so, the others go on, and it comes back."""
import json
import os
import subprocess

import pytest

import house

pytestmark = pytest.mark.models


def test_camera_dies_and_returns(running, tmp_path, broker):
    """The camera at the door is killed and comes back; the one in the hall does not notice."""
    subscriber = running(house.Subscriber(broker.port))
    door = running(house.Cameras({"door": house.clip("black.mkv")}))
    hall = running(house.Cameras({"hall": house.clip("black.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": door.url("door"), "hall": hall.url("hall")},
                                  broker.port))
    subscriber.wait_topic("door/status", "online")
    subscriber.wait_topic("hall/status", "online")
    door.p.kill()
    subscriber.wait_topic("door/status", "offline")
    daemon.wait_line(r"warning camera: door: .*trying again")
    running(house.Cameras({"door": house.clip("black.mkv")}, port=door.port))
    subscriber.wait_topic("door/status", "online", n=2)
    daemon.wait_line(r"camera: door: back after")
    status = json.loads(daemon.ctl("status", "--json").stdout)["cameras"]
    assert status["door"]["reconnects_last_hour"] >= 1
    assert status["hall"]["reconnects_last_hour"] == 0
    assert subscriber.last("hall/status") == "online"
    assert daemon.stop() == 0


def test_people_before_a_camera_that_dies(running, tmp_path, broker):
    """Nobody can say when they left: the record ends where it was last seen, camera_lost."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"door": house.clip("head-pose-face-detection-male.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, broker.port))
    new = subscriber.wait_events("new", 1)[0]
    cameras.p.kill()
    end = subscriber.wait_events("end", 1)[0]
    assert (end["id"], end["end_reason"]) == (new["id"], "camera_lost")
    subscriber.wait_topic("door/count", "0")
    assert daemon.stop() == 0


def test_camera_that_mutes_in_midstream_is_given_up_by_the_deadline(running, tmp_path, broker):
    fake = running(house.Process(["/usr/bin/python3", house.tools("fakecam.py"),
                                  "mute-play"]))
    port = int(fake.wait_line(r"^ready (\d+)").group(1))
    daemon = running(house.Daemon(tmp_path, {"door": f"rtsp://127.0.0.1:{port}/door"}, broker.port))
    daemon.wait_line(r"door: .*10 s")
    assert daemon.stop() == 0


def test_wrong_password_is_named_and_never_shown(running, tmp_path, broker):
    cameras = running(house.Cameras({"door": house.clip("black.mkv")},
                                    options=["--user", "viewer:correct-horse"]))
    daemon = running(house.Daemon(tmp_path, {
        "wrong": cameras.url("door", "viewer:battery-staple"),
        "right": cameras.url("door", "viewer:correct-horse")}, broker.port))
    daemon.wait_line(r"wrong: .*(user name or password)")
    daemon.wait_line(r"right: streaming")
    status = daemon.ctl("status").stdout + daemon.ctl("status", "--json").stdout
    dump = subprocess.run([house.tool("faced"), "-c", daemon.conf, "--dump-config"],
                          capture_output=True, text=True, check=True).stdout
    assert daemon.stop() == 0
    stored = "\n".join(str(r) for r in daemon.rows("SELECT * FROM cameras"))
    for secret in ("battery-staple", "correct-horse"):
        for place in (daemon.text, status, dump, stored):
            assert secret not in place
    assert "viewer" in stored


def test_size_changes_in_midstream(running, tmp_path):
    cameras = running(house.Cameras({"door": house.clip("resize.h264")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, args=["--once", "24"]))
    assert daemon.wait(60) == 0
    assert len(daemon.rows()) >= 1, "people are recorded before and after the change"


@pytest.mark.parametrize("codec", ["h265", "mjpeg"])
def test_other_codecs_give_the_same_person(running, tmp_path, codec):
    cameras = running(house.Cameras({"door": house.clip(f"{codec}.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, args=["--once", "16"]))
    assert daemon.wait(60) == 0
    assert len(daemon.rows()) == 1


def test_short_gap_continues_the_record(running, tmp_path, broker):
    """A camera that is back within track.lost costs nobody a second record."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"door": house.clip("long.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, broker.port,
                                  extra='track: { lost = "20s"; };'))
    subscriber.wait_events("new", 2)
    cameras.p.kill()
    cameras.wait(10)
    running(house.Cameras({"door": house.clip("long.mkv")}, port=cameras.port))
    subscriber.wait_topic("door/status", "online", n=2)
    subscriber.wait_topic("door/count", "2", n=2)
    assert daemon.stop() == 0
    assert len(subscriber.events("new")) == 2


def test_pictures_with_errors_never_pass(running):
    cameras = running(house.Cameras({"door": house.clip("torn.mkv")}))
    r = subprocess.run([house.tool("facectl"), "probe", cameras.url("door")], capture_output=True,
                       text=True, env={**os.environ, "FACED_MODELS": house.MODELS})
    assert r.returncode == 1 and "arrived damaged" in r.stderr, r
