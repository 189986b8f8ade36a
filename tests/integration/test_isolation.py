"""A camera is decoded in a process of its own, which can do nothing else, and may die at any time."""

import os
import re
import signal
import socket
import threading
import time

import pytest

import hostile
import house

SECRET = "s3cr3t-of-the-"


def status_of(pid):
    with open(f"/proc/{pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def processes(daemon):
    """{camera: pid} of the processes that decode for it."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                words = f.read().split("\0")
            parent = int(status_of(pid)["PPid"])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent == daemon.p.pid and words[1:2] == ["--camera"]:
            found[words[2]] = int(pid)
    return found


def wait_process(daemon, camera, other_than=None):
    deadline = time.monotonic() + house.PATIENCE
    tick = threading.Event()
    while True:
        pid = processes(daemon).get(camera)
        if pid and pid != other_than:
            return pid
        assert time.monotonic() < deadline, daemon.text
        tick.wait(0.05)


def wait_gone(pid):
    deadline = time.monotonic() + house.PATIENCE
    tick = threading.Event()
    while os.path.exists(f"/proc/{pid}"):
        assert time.monotonic() < deadline, f"{pid} lives: {status_of(pid)}"
        tick.wait(0.05)


def online(status):
    return all(c["state"] == "online" for c in status["cameras"].values())


# What it takes and holds, and how it says that it crashed, is not the daemon's.
plain = pytest.mark.skipif(house.FACED_MODE == "asan", reason="with a sanitizer in it")


@pytest.fixture
def two(running, tmp_path):
    """Two cameras over RTSP, both of them online."""
    cameras = running(house.Cameras({"a": house.clip("asl-bird.mkv"), "b": house.clip("asl-bird.mkv")}))
    daemon = running(house.Daemon(tmp_path, {
        n: {"url": cameras.url(n, f"viewer:{SECRET}{n}")} for n in "ab"},
        mqtt_keys=f'password = "{SECRET}broker"; username = "x";', broker=house.free_port())).wait_ready()
    daemon.wait_status(online)
    return daemon


def assert_holds_its_own_alone(pid):
    """Of descriptors: its daemon and its camera; nothing that it could write to past its daemon."""
    kinds = sorted(re.sub(r"[\d\[\]:]+$", "", os.readlink(f"/proc/{pid}/fd/{fd}"))
                   for fd in os.listdir(f"/proc/{pid}/fd"))
    assert kinds.count("socket") == 2, kinds
    assert not [k for k in kinds if k.startswith("/") and k != "/dev/null"], kinds
    if house.FACED_MODE != "asan":
        assert kinds.count("/dev/null") == 3 and "pipe" not in kinds, kinds


def test_it_can_do_nothing_else(two):
    for pid in processes(two).values():
        status = status_of(pid)
        assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status[kind], 16) == 0
        assert "0" not in status["Uid"].split() + status["Gid"].split()
        assert status["Groups"].strip() == ""
        assert_holds_its_own_alone(pid)


def test_it_inherits_nothing_of_the_daemon_s(running, tmp_path):
    """Libraries do not close what they open when a program is executed: a process that is started
    while the broker is connected would hold that connection."""
    cameras = running(house.Cameras({"a": house.clip("asl-bird.mkv")}))
    broker = running(house.Broker(tmp_path))
    daemon = running(house.Daemon(tmp_path, {"a": cameras.url("a")}, broker=broker.port,
                                  extra=f'http: {{ listen = "127.0.0.1:{house.free_port()}"; }};'))
    daemon.wait_line("connected to the broker")
    daemon.wait_status(online)
    old = wait_process(daemon, "a")
    os.kill(old, signal.SIGKILL)
    new = wait_process(daemon, "a", old)
    daemon.wait_line("camera: a: back after")
    daemon.wait_status(online)
    assert_holds_its_own_alone(new)


def memory_holds(pid, words):
    """Which of the words stand in the process's memory."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            span, rights, *_, name = (line.rstrip("\n") + " ").split(" ", 5)
            if "r" not in rights or "w" not in rights or "memfd" in name:
                continue
            start, end = (int(x, 16) for x in span.split("-"))
            memory.seek(start)
            try:
                data = memory.read(end - start)
            except OSError:
                continue
            found |= {w for w in words if w.encode() in data}
    return found


@plain
def test_it_knows_no_secret_but_its_camera_s(two):
    words = {SECRET + x for x in ("a", "b", "broker")}
    assert memory_holds(two.p.pid, words) == words
    for name, pid in processes(two).items():
        assert memory_holds(pid, words) == {SECRET + name}


@pytest.mark.parametrize("sig,phrase", [
    pytest.param(signal.SIGSEGV, r"crashed \(SEGV\)", marks=plain),
    (signal.SIGKILL, r"crashed \(KILL\)"), (signal.SIGSTOP, r"does not answer")])
def test_its_end_costs_its_camera_seconds_and_no_other_anything(two, sig, phrase):
    before = two.status()["cameras"]["b"]
    pids = processes(two)
    os.kill(pids["a"], sig)
    two.wait_line(rf"^warning camera: a: rtsp://viewer:\*\*\*@\S+: its process {phrase}; it is "
                  r"started anew; trying again in \d s")
    wait_gone(pids["a"])
    two.wait_line(r"camera: a: back after")
    two.wait_status(online)
    after = two.status()["cameras"]["b"]
    assert processes(two)["b"] == pids["b"]
    assert after["frames"] > before["frames"]
    assert after["reconnects_last_hour"] == 0 and after["stalls_last_hour"] == 0
    assert SECRET not in two.text


@plain
def test_forty_processes_leave_nothing_behind(running, tmp_path):
    cameras = running(house.Cameras({"a": house.clip("asl-bird.mkv")}))
    broker = running(house.Broker(tmp_path))
    heard = house.Subscriber(broker.port)
    daemon = running(house.Daemon(tmp_path, {"a": cameras.url("a")}, broker=broker.port))
    pid, held = None, []
    for i in range(1, 41):
        heard.wait_topic("a/status", "online", i)
        pid = wait_process(daemon, "a", pid)
        heard.client.publish("faced/test/a/enabled/set", "OFF", qos=1)
        heard.wait_topic("a/enabled/state", "OFF", i)
        wait_gone(pid)
        held.append((len(os.listdir(f"/proc/{daemon.p.pid}/fd")),
                     int(status_of(daemon.p.pid)["VmRSS"].split()[0])))
        heard.client.publish("faced/test/a/enabled/set", "ON", qos=1)
    heard.close()
    # The last one's end may not be over yet when it is looked at: what lies beneath ten looks.
    least = [[min(h[k] for h in held[i:i + 10]) for k in (0, 1)] for i in (5, 30)]
    assert least[1][0] <= least[0][0], held
    assert least[1][1] < least[0][1] + 8192, held  # kB: forty shelves would be a hundred megabytes


def test_it_ends_with_its_daemon(two):
    pids = processes(two)
    two.p.kill()
    two.wait()
    for pid in pids.values():
        wait_gone(pid)


def test_it_is_led_nowhere(running, tmp_path):
    """A camera that sends its viewer on to a port of this host is not followed there."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0)
        port = other.getsockname()[1]
        camera = running(house.Process(["/usr/bin/python3", house.tools("fakecam.py"),
                                        "redirect-to", "--to",
                                        f"rtsp://127.0.0.1:{port}/x"]))
        own = camera.wait_line(r"^ready (\d+)").group(1)
        daemon = running(house.Daemon(tmp_path, {"door": f"rtsp://127.0.0.1:{own}/x"}))
        daemon.wait_line(r"^warning camera: door: rtsp://127.0.0.1:\d+/x: sends its viewers on to "
                         r"another host or port.*; trying again in \d s")
        daemon.wait_status(lambda s: s["cameras"]["door"]["reconnects_last_hour"] >= 2)
        with pytest.raises(BlockingIOError):
            other.accept()


def test_datagrams_come_through(running, tmp_path):
    cameras = running(house.Cameras({"a": house.clip("asl-bird.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"a": {"url": cameras.url("a"), "transport": "udp"}}))
    daemon.wait_ready()
    daemon.wait_status(lambda s: s["cameras"]["a"]["frames"] > 100)
    assert daemon.status()["cameras"]["a"]["reconnects_last_hour"] == 0


def test_the_records_are_those_of_a_thread(running, tmp_path):
    found = []
    for way in ("process", "thread"):
        folder = tmp_path / way
        folder.mkdir()
        daemon = running(house.Daemon(folder, {
            n: {"url": house.clip(f"{n}.mkv"), "pace": "max", "isolation": way}
            for n in ("asl-bird", "face-demographics-walking")}, args=["--once", "0"]))
        assert daemon.wait(4 * house.PATIENCE) == 0
        rows = daemon.rows("SELECT * FROM faces ORDER BY camera, start_us")
        found.append([{k: v for k, v in r.items() if not k.endswith(("_us", "_time")) and
                       k not in ("id", "seq", "epoch")} for r in rows])
        assert rows
    assert found[0] == found[1]


@pytest.mark.parametrize("rate", ["90000", "1/5"])
def test_a_rate_that_no_camera_has_is_believed(running, tmp_path, rate):
    """Many cameras announce the ticks of their clock as their frames."""
    file = hostile.once(f"rate-{rate.replace('/', '-')}.mp4", "-f", "lavfi", "-i",
                        f"testsrc2=s=320x180:r={rate}", "-frames:v", "20", "-c:v", "libx264",
                        "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p")
    daemon = running(house.Daemon(tmp_path, {"door": {"url": file, "pace": "max"}}))
    daemon.wait_line(r"camera: door: streaming h264 320x180")
    daemon.wait_line(r"camera: door: the file has ended")
    assert "honest" not in daemon.text
    assert daemon.stop() == 0


def test_a_camera_need_not_say_from_where_it_sends(running, tmp_path):
    """Then libav would send its reports to port 0, where nobody is."""
    cam = hostile.fake(running, "rtpcam.py", "no-ports", hostile.raw("a"))
    daemon = running(house.Daemon(tmp_path, {"door": {"url": cam.url, "transport": "udp"}}))
    daemon.wait_ready()
    daemon.wait_status(lambda s: s["cameras"]["door"]["frames"] > 100)
    assert daemon.status()["cameras"]["door"]["reconnects_last_hour"] == 0, daemon.text
