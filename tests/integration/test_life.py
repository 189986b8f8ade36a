"""Start, readiness, stop; what systemd and an operator see of it."""
import json
import os
import signal
import time

import pytest

import house

pytestmark = pytest.mark.models


@pytest.fixture
def black(running):
    return running(house.Cameras({"door": house.clip("black.mkv")}))


def test_ready_status_stopping(running, tmp_path, black):
    notify = house.Notify(tmp_path)
    daemon = running(house.Daemon(tmp_path, {"door": black.url("door")},
                                  env={"NOTIFY_SOCKET": notify.path}))
    notify.wait("READY=1")
    notify.wait(r"STATUS=1/1 cameras, .*no broker configured")
    notify.wait("WATCHDOG=1")
    assert daemon.stop() == 0
    notify.wait("STOPPING=1")
    assert daemon.count("cameras stopped") == 1
    assert daemon.count("database closed") == 1
    black.wait_line(r"^teardown /door")
    assert not os.path.exists(daemon.control)


def test_ready_without_camera_and_broker(running, tmp_path):
    port = house.free_port()
    daemon = running(house.Daemon(tmp_path, {"door": f"rtsp://127.0.0.1:{port}/door"}, port))
    daemon.wait_ready()
    daemon.wait_line(r"camera: door: .*refused")
    daemon.wait_line(r"bus: .*refused")
    assert daemon.stop() == 0


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_stop_ends_open_records(running, tmp_path, broker, sig):
    """Somebody is in the picture when the daemon stops: the record ends, and is told."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"door": house.clip("head-pose-face-detection-male.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, broker.port))
    new = subscriber.wait_events("new", 1)[0]
    assert daemon.stop(sig) == 0
    end = subscriber.wait_events("end", 1)[0]
    assert (end["id"], end["end_reason"]) == (new["id"], "shutdown")
    assert subscriber.last("/door/count") == "0" and subscriber.last("/door/status") == "offline"
    subscriber.wait_topic("test/status", "offline")
    rows = daemon.rows()
    assert [(r["id"], r["seq"], r["end_reason"]) for r in rows] == [(new["id"], 1, "shutdown")]
    assert daemon.rows("SELECT * FROM outbox") == []


def test_hanging_name_server_does_not_delay_the_stop(running, tmp_path, black):
    daemon = running(house.Daemon(
        tmp_path, {"lost": "rtsp://camera.invalid/stream", "door": black.url("door")},
        env={"LD_PRELOAD": house.preload("slowresolver.so")}))
    daemon.wait_line(r"camera: door: streaming")
    begin = time.monotonic()
    daemon.p.terminate()
    assert daemon.wait() == 0
    assert time.monotonic() - begin < 5, "the promise of the unit file"
    daemon.wait_line(r"the thread of 'lost' hangs; leaving without it")
    daemon.wait_line(r"database closed")
    assert daemon.integrity() == "ok"


def test_second_daemon_is_kept_off_the_database(running, tmp_path, black):
    first = running(house.Daemon(tmp_path, {"door": black.url("door")})).wait_ready()
    second = running(house.Process([house.tool("faced"), "-c", first.conf],
                                   env={"FACED_MODELS": house.MODELS}))
    assert second.wait() == 1
    second.wait_line(r"faced\.db.*(in use|another)")
    assert first.stop() == 0


def test_status_tells_the_state_of_things(running, tmp_path, broker, black):
    port = house.free_port()
    daemon = running(house.Daemon(tmp_path, {
        "door": black.url("door"), "gone": f"rtsp://viewer:hunter2@127.0.0.1:{port}/x"},
        broker.port))
    daemon.wait_line(r"door: streaming")
    daemon.wait_line(r"gone: .*refused")
    status = json.loads(daemon.ctl("status", "--json").stdout)
    assert status["cameras"]["door"]["state"] == "online"
    assert status["cameras"]["gone"]["state"] == "offline"
    assert "refused" in status["cameras"]["gone"]["trouble"]
    assert status["broker"]["connected"] is True
    table = daemon.ctl("status").stdout
    assert "door" in table and "refused" in table and "hunter2" not in table
    assert daemon.stop() == 0
    assert daemon.ctl("status", check=False).returncode == 3


def test_camera_is_switched_off_and_on_by_mqtt(running, tmp_path, broker, black):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {"door": black.url("door")}, broker.port))
    subscriber.wait_topic("door/status", "online")
    subscriber.client.publish("faced/test/door/enabled/set", "OFF", qos=1)
    subscriber.wait_topic("door/status", "disabled")
    subscriber.wait_topic("door/enabled/state", "OFF")
    black.wait_line(r"^teardown /door")
    assert daemon.stop() == 0

    daemon.start().wait_ready()
    subscriber.wait_topic("door/status", "disabled", n=2)
    assert black.count(r"^play /door") == 1, "the switch is kept across restarts"
    subscriber.client.publish("faced/test/door/enabled/set", "ON", qos=1)
    subscriber.wait_topic("door/status", "online", n=2)
    assert daemon.stop() == 0


def test_the_rounds_of_a_looped_file_are_no_news(running, tmp_path):
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}))
    daemon.wait_rows("SELECT * FROM faces WHERE end_time IS NOT NULL", 3 * house.PEOPLE["classroom"])
    assert daemon.stop() == 0
    assert daemon.count(r"room: streaming") == 1
