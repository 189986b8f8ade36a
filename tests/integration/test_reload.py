"""SIGHUP: what is new begins, what is gone ends, and nobody else hears of it."""
import json
import os
import threading

import pytest

import house

pytestmark = pytest.mark.models

MALE = "head-pose-face-detection-male.mkv"


@pytest.fixture
def cameras(running):
    return running(house.Cameras({n: house.clip("black.mkv") for n in ("a", "b", "c", "d")}))


def plays(cameras, name):
    return cameras.count(rf"^play /{name}$")


def test_adds_changes_and_removes_without_touching_the_others(running, tmp_path, broker, cameras):
    subscriber = running(house.Subscriber(broker.port))
    urls = {n: cameras.url(n) for n in "abcd"}
    daemon = running(house.Daemon(tmp_path, {n: urls[n] for n in "abc"}, broker.port))
    for n in "abc":
        subscriber.wait_topic(f"/{n}/status", "online")
    before = daemon.status()["cameras"]["a"]["frames"]
    daemon.configure({"a": urls["a"], "b": {"url": urls["b"], "fps": 2}, "d": urls["d"]},
                     broker.port)
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: 1 camera added, 1 camera changed, 1 camera removed$")
    subscriber.wait_topic("/d/status", "online")
    subscriber.wait_topic("/b/status", "online", 2)
    for what in ("status", "count", "enabled/state"):
        subscriber.wait_topic(f"/c/{what}", "")
    cameras.wait_line(r"^teardown /c")
    cameras.wait_line(r"^teardown /b")
    status = daemon.status()["cameras"]
    assert sorted(status) == ["a", "b", "d"]
    assert status["a"]["frames"] >= before and status["a"]["reconnects_last_hour"] == 0
    assert plays(cameras, "a") == 1 and cameras.count(r"^teardown /a") == 0
    assert [p for t, p, _ in subscriber.messages if t.endswith("/a/status")] == [
        "offline", "online"]
    late = running(house.Subscriber(broker.port))
    late.wait_topic("/d/status", "online")
    assert late.last("/c/status") is None, "nothing is retained of a camera that is no more"
    assert daemon.stop() == 0


def test_records_of_the_others_go_on(running, tmp_path, broker):
    """Somebody stands before one camera while another is removed: one record, not two; and who
    stands before the removed one has gone for that reason."""
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"stay": house.clip(MALE), "go": house.clip(MALE)}))
    daemon = running(house.Daemon(tmp_path, {n: cameras.url(n) for n in ("stay", "go")},
                                  broker.port))
    new = {e["camera"]: e["id"] for e in subscriber.wait_events("new", 2)}
    daemon.configure({"stay": cameras.url("stay")}, broker.port)
    daemon.reload()
    subscriber.wait(lambda ms: any(t.endswith("/go/faces") and '"removed"' in p
                                   for t, p, _ in ms), "end of the removed camera's record")
    ends = {e["camera"]: e for e in subscriber.wait_events("end", 2, timeout=90)}
    assert (ends["go"]["id"], ends["go"]["end_reason"]) == (new["go"], "removed")
    assert (ends["stay"]["id"], ends["stay"]["end_reason"]) == (new["stay"], "left")
    assert len(daemon.rows()) == 2
    assert daemon.stop() == 0


@pytest.mark.parametrize("what, said", [
    ("cameras: ( { name = ", r"faced\.conf:1: syntax error"),
    ('node = "other";', r"faced\.conf: node cannot change while faced runs"),
    ('models: { attributes = "none-such"; };', r"none-such"),
])
def test_a_bad_one_keeps_the_old_one_running(running, tmp_path, cameras, what, said):
    notify = house.Notify(tmp_path)
    daemon = running(house.Daemon(tmp_path, {"a": cameras.url("a")},
                                  env={"NOTIFY_SOCKET": notify.path}))
    daemon.wait_line(r"camera: a: streaming")
    good = open(daemon.conf).read()
    with open(daemon.conf, "w") as f:
        if what.startswith("cameras"):
            f.write(what)
        else:
            key = what.split(" ")[0]
            kept = [x for x in good.split("\n") if not x.startswith(key)]
            f.write("\n".join([what] + kept))
    daemon.reload()
    line = daemon.wait_line(r"error main: not reloaded, the running configuration stays: (.*)")
    assert house.re.search(said, line.group(1))
    notify.wait("RELOADING=1")
    notify.wait(r"STATUS=1/1 cameras, .*; configuration \(not reloaded\), for \d+ s: ")
    trouble = [t for t in daemon.status()["troubles"] if t["who"].startswith("configuration")]
    assert len(trouble) == 1 and house.re.search(said, trouble[0]["text"])
    assert "not reloaded" in daemon.ctl("status").stdout
    with open(daemon.conf, "w") as f:
        f.write(good)
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: nothing has changed$")
    assert daemon.status()["troubles"] == []
    assert plays(cameras, "a") == 1
    assert daemon.stop() == 0


def test_a_camera_with_a_new_secret(running, tmp_path):
    """The password comes in a file that was not there at the start, then changes."""
    cameras = running(house.Cameras({"a": house.clip("black.mkv"), "b": house.clip("black.mkv")},
                                    options=["--user", "viewer:s3cond"]))
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "a").write_text("s3cond\n")
    extra = f'secrets_dir = "{secrets}";'
    a = cameras.url("a", "viewer:${file:a}")
    daemon = running(house.Daemon(tmp_path, {"a": a}, extra=extra))
    daemon.wait_line(r"camera: a: streaming")
    daemon.configure({"a": a, "b": cameras.url("b", "viewer:${file:b}")}, extra=extra)
    daemon.reload()
    daemon.wait_line(r"not reloaded.*cameras\[1\]\.url: the secret 'b'")
    (secrets / "b").write_text("f1rst")
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: 1 camera added$")
    daemon.wait_line(r"camera: b: .*wrong user name or password")
    (secrets / "b").write_text("s3cond")
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: 1 camera changed$")
    daemon.wait_line(r"camera: b: streaming")
    assert plays(cameras, "a") == 1
    assert daemon.stop() == 0
    assert "s3cond" not in daemon.text


def test_another_broker(running, tmp_path, broker, cameras):
    """What the old one does not get the new one does, in order and without a gap."""
    people = running(house.Cameras({"door": house.clip(MALE)}))
    first = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {"door": people.url("door")}, broker.port))
    first.wait_events("new", 1)
    other = running(house.Broker(str(tmp_path)))
    second = running(house.Subscriber(other.port))
    daemon.configure({"door": people.url("door")}, other.port)
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*: broker anew$")
    first.wait_topic("test/status", "offline")
    first.wait_topic("/door/status", "offline")
    second.wait_topic("test/status", "online")
    second.wait_topic("/door/status", "online")
    second.wait_events("end", 1, timeout=90)
    numbers = [e["msg"] for e in first.events() + second.events()]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    daemon.configure({"door": people.url("door")})
    daemon.reload()
    second.wait_topic("test/status", "offline")
    assert daemon.stop() == 0
    assert daemon.rows("SELECT * FROM outbox") == []


def test_other_models(running, tmp_path, broker, cameras):
    people = running(house.Cameras({"door": house.clip(MALE)}))
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {"door": people.url("door")}, broker.port))
    subscriber.wait_events("new", 1)
    with open(daemon.conf) as f:
        text = f.read()
    with open(daemon.conf, "w") as f:
        f.write(text.replace("models: {", 'models: { attributes = "retail-0013";'))
    daemon.reload()
    daemon.wait_line(r"main: reloaded .*models and tracks anew")
    end = subscriber.wait_events("end", 1)[0]
    assert (end["end_reason"], end["models"]["attributes"]) == ("restart", "combined")
    daemon.wait_line(r"camera: door: streaming", 2)
    status = daemon.status()
    assert status["models"]["attributes"] == "retail-0013"
    workers = [t for t in status["threads"] if t["name"] == "infer"]
    subscriber.wait_topic("/door/status", "online", 2)
    assert len(workers) >= 1
    assert daemon.stop() == 0


def test_switched_by_the_configuration(running, tmp_path, broker, cameras):
    subscriber = running(house.Subscriber(broker.port))
    url = cameras.url("a")
    daemon = running(house.Daemon(tmp_path, {"a": url}, broker.port))
    subscriber.wait_topic("/a/status", "online")
    daemon.configure({"a": {"url": url, "enabled": False}}, broker.port)
    daemon.reload()
    subscriber.wait_topic("/a/status", "disabled")
    subscriber.wait_topic("/a/enabled/state", "OFF")
    daemon.configure({"a": {"url": url, "fps": 2, "enabled": True}}, broker.port)
    daemon.reload()
    subscriber.wait_topic("/a/status", "online", 2)
    subscriber.wait_topic("/a/enabled/state", "ON", 2)
    assert daemon.stop() == 0


def test_who_hangs_in_the_resolver_holds_up_nobody(running, tmp_path, broker, cameras):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(
        tmp_path, {"lost": "rtsp://camera.invalid/stream", "a": cameras.url("a")}, broker.port,
        env={"LD_PRELOAD": house.preload("slowresolver.so")}))
    subscriber.wait_topic("/a/status", "online")
    daemon.configure({"a": cameras.url("a"), "b": cameras.url("b")}, broker.port)
    daemon.reload()
    subscriber.wait_topic("/b/status", "online")
    assert sorted(daemon.status()["cameras"]) == ["a", "b"]
    daemon.wait_line(r"camera 'lost' does not end yet", timeout=60)
    assert daemon.stop() == 0


def threads_of(daemon):
    return len(os.listdir(f"/proc/{daemon.p.pid}/task"))


def files_of(daemon):
    return len(os.listdir(f"/proc/{daemon.p.pid}/fd"))


def test_again_and_again_leaves_nothing_behind(running, tmp_path, broker, cameras):
    daemon = running(house.Daemon(tmp_path, {"a": cameras.url("a"), "b": cameras.url("b")},
                                  broker.port))
    daemon.wait_line(r"camera: b: streaming")
    tick = threading.Event()

    def settled(n, threads, files):
        for _ in range(600):
            if threads_of(daemon) <= threads and files_of(daemon) <= files:
                return
            tick.wait(0.05)
        raise AssertionError(f"after {n} reloads {threads_of(daemon)} threads of {threads}, "
                             f"{files_of(daemon)} files of {files}\n{daemon.text}")

    daemon.wait_line(r"bus: connected")
    threads, files = threads_of(daemon), files_of(daemon)
    for n in range(1, 21):
        keys = {"url": cameras.url("b"), "fps": 2 + n % 3}
        daemon.configure({"a": cameras.url("a"), "b": keys}, broker.port,
                         mqtt_keys=f'client_id = "it-{n % 2}";' if n % 5 == 0 else "")
        daemon.reload()
        daemon.wait_line(r"main: reloaded", n)
    settled(20, threads, files)
    assert plays(cameras, "a") == 1
    assert json.loads(daemon.ctl("status", "--json").stdout)["troubles"] == []
    assert daemon.stop() == 0


def test_a_blip_is_not_announced(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    cameras = running(house.Cameras({"a": house.clip("black.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"a": cameras.url("a")}, broker.port,
                                  mqtt_keys='camera_down_after = "60s";'))
    subscriber.wait_topic("/a/status", "online")
    cameras.stop()
    daemon.wait_line(r"camera: a: .*trying again")
    running(house.Cameras({"a": house.clip("black.mkv")}, port=cameras.port))
    daemon.wait_line(r"camera: a: back after")
    assert [p for t, p, _ in subscriber.messages if t.endswith("/a/status")] == [
        "offline", "online"]
    assert daemon.stop() == 0
    subscriber.wait_topic("/a/status", "offline", 2)
