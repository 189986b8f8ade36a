"""Loss, delay and partition between network namespaces: the cameras' server in one, the broker in
another, the daemon between them in a third. Beside the cameras on the bad line there are two on a
good one (hostile.FINE), before which people come and go.

FACED_LONG=1 adds what takes minutes: a partition of 90 s, and the other rates of loss.
"""
import contextlib
import ctypes
import os
import shutil
import subprocess
import threading

import pytest

import hostile
import house


def reason():
    """Why there can be no namespaces here; None: there can."""
    if os.geteuid() != 0:
        return "only root can make network namespaces"
    for tool in ("ip", "nft"):
        if not shutil.which(tool):
            return f"there is no {tool} here"
    name = f"faced-{os.getpid()}-try"
    if subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode:
        return "network namespaces cannot be made here"
    ok = subprocess.run(["ip", "netns", "exec", name, "nft", "add", "table", "inet", "t"],
                        capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], check=True)
    return None if ok else "nftables does not work here"


REASON = reason()
LONG = bool(os.environ.get("FACED_LONG"))
pytestmark = [pytest.mark.models, pytest.mark.skipif(REASON is not None, reason=str(REASON))]
CAMERAS, BROKER = "10.77.1.2", "10.77.2.2"
CLONE_NEWNET = 0x40000000


class Net:
    """`cameras` and `broker`, each with one line to `daemon`."""

    def __init__(self):
        self.names = {n: f"faced-{os.getpid()}-{n}" for n in ("cameras", "daemon", "broker")}
        for name in self.names.values():
            self.run("ip", "netns", "add", name)
            self.run("ip", "-n", name, "link", "set", "lo", "up")
        for i, far in ((1, "cameras"), (2, "broker")):
            self.run("ip", "link", "add", "line", "netns", self.names[far], "type", "veth", "peer",
                     "name", far, "netns", self.names["daemon"])
            self.run("ip", "-n", self.names[far], "addr", "add", f"10.77.{i}.2/24", "dev", "line")
            self.run("ip", "-n", self.names["daemon"], "addr", "add", f"10.77.{i}.1/24", "dev",
                     far)
            self.run("ip", "-n", self.names["daemon"], "link", "set", far, "up")
            self.link(far, "up")

    @staticmethod
    def run(*argv):
        subprocess.run(argv, check=True, capture_output=True)

    def inside(self, name):
        return ["ip", "netns", "exec", self.names[name]]

    def link(self, far, state):
        self.run("ip", "-n", self.names[far], "link", "set", "line", state)

    def lose(self, far, percent):
        """So many of a hundred packets, in both directions; 0: none any more."""
        for name, line in ((far, "line"), ("daemon", far)):
            nft = self.inside(name) + ["nft"]
            self.run(*nft, f"add table inet {line}")
            self.run(*nft, f"delete table inet {line}")
            if percent:
                self.run(*nft, f"add table inet {line}")
                self.run(*nft, f"add chain inet {line} loss "
                               "{ type filter hook input priority 0; }")
                self.run(*nft, f"add rule inet {line} loss iifname {line} numgen random "
                               f"mod 100 < {percent} drop")

    @contextlib.contextmanager
    def here(self, name):
        """This thread, and those that it starts, are in there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, \
                open(f"/run/netns/{self.names[name]}") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
            try:
                yield
            finally:
                assert libc.setns(home.fileno(), CLONE_NEWNET) == 0

    def remove(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], check=False)


@pytest.fixture
def net():
    n = Net()
    yield n
    n.remove()


class Scene:
    """The daemon, the broker and all cameras. delay_ms: of both lines, by a proxy."""

    def __init__(self, running, tmp_path, net, delay_ms=0):
        port = house.free_port()
        broker = running(house.Broker(str(tmp_path), more=[f"listener {port} {BROKER}"],
                                      inside=net.inside("broker")))
        far = running(house.Cameras({"door": house.clip("black.mkv")},
                                    options=["--address", CAMERAS], inside=net.inside("cameras")))
        near = running(house.Cameras({n: hostile.fine(c) for n, c in hostile.FINE.items()},
                                     inside=net.inside("daemon")))
        if delay_ms:
            port = self.proxy(running, net, "broker", BROKER, BROKER, port, delay_ms)
            far.port = self.proxy(running, net, "cameras", CAMERAS, CAMERAS, far.port, delay_ms)
        door = f"rtsp://{CAMERAS}:{far.port}/door"
        self.bad = ["door-tcp"] if delay_ms else ["door-tcp", "door-udp"]
        with net.here("broker"):
            self.subscriber = running(house.Subscriber(broker.port))
        self.daemon = house.Daemon(
            tmp_path, {**{b: {"url": door, "transport": b[-3:]} for b in self.bad},
                       "room": {"url": house.media_of("classroom"), "pace": "real", "loop": True},
                       **{n: near.url(n) for n in hostile.FINE}},
            port, mqtt_keys='camera_down_after = "10s";', start=False, inside=net.inside("daemon"))
        with open(self.daemon.conf) as f:
            text = f.read()
        with open(self.daemon.conf, "w") as f:
            f.write(text.replace("mqtt://127.0.0.1", f"mqtt://{BROKER}"))
        running(self.daemon.start())
        for name in self.bad + list(hostile.FINE):
            self.daemon.wait_line(rf"camera: {name}: streaming")
            self.subscriber.wait_topic(f"{name}/status", "online")

    @staticmethod
    def proxy(running, net, name, listen, host, port, delay_ms):
        p = running(house.Process([*net.inside(name), "/usr/bin/python3",
                                   house.tools("delayproxy.py"), "--delay-ms", str(delay_ms),
                                   "--listen", listen, host, str(port)]))
        return int(p.wait_line(r"^ready (\d+)").group(1))

    def wait_pictures(self, names):
        """They are online and pictures come."""
        before = self.daemon.status()["cameras"]
        self.daemon.wait_status(lambda s: all(
            s["cameras"][n]["state"] == "online" and
            s["cameras"][n]["frames"] != before[n]["frames"] for n in names), 4 * house.PATIENCE)

    def wait_events(self):
        """What waits now has come: an end that is made later than this."""
        last = max(r["seq"] for r in self.daemon.wait_rows(
            "SELECT max(seq) AS seq FROM faces HAVING seq IS NOT NULL", 1))
        self.subscriber.wait(lambda _: any(e["seq"] > last for e in self.subscriber.events("end")),
                             f"an end beyond {last}", 6 * house.PATIENCE)

    def finish(self, scenario, **values):
        hostile.check_others(self.daemon)
        self.daemon.wait_rows("SELECT * FROM faces WHERE camera <> 'room' AND end_us IS NOT NULL",
                              3, 3 * house.PATIENCE)
        assert self.daemon.stop() == 0
        self.subscriber.wait_topic("test/status", "offline")
        hostile.check_records(self.daemon)
        hostile.measured(scenario, **hostile.check_events(self.daemon, self.subscriber.events()),
                         **values)


def last(seconds):
    """How long a scenario's trouble lasts: a part of the scenario, not a wait for something."""
    threading.Event().wait(seconds)


@pytest.mark.parametrize("percent", [1, 5, 20] if LONG else [5])
def test_loss(running, tmp_path, net, percent):
    """On both lines. The good cameras do not notice, no event is lost, and when the loss ends all
    is well."""
    scene = Scene(running, tmp_path, net)
    for far in ("cameras", "broker"):
        net.lose(far, percent)
    last(30)
    during = scene.daemon.status()
    watch = hostile.Stopwatch()
    for far in ("cameras", "broker"):
        net.lose(far, 0)
    scene.wait_pictures(scene.bad)
    pictures = watch.seconds()
    scene.wait_events()
    scene.finish(f"loss {percent} %", recovered=pictures, events_s=watch.seconds(),
                 **{b: [during["cameras"][b]["state"], during["cameras"][b]["damaged"],
                        during["cameras"][b]["reconnects_last_hour"]] for b in scene.bad})


@pytest.mark.parametrize("delay_ms", [300, 800] if LONG else [300])
def test_delay(running, tmp_path, net, delay_ms):
    """So long each way, before the broker and the camera: later, and nothing else. Opening a camera
    is five round trips, for which it has 10 s."""
    scene = Scene(running, tmp_path, net, delay_ms)
    scene.wait_events()
    hostile.check_others(scene.daemon, tuple(hostile.FINE) + tuple(scene.bad))
    assert scene.daemon.count(r"connected to the broker") == 1
    scene.finish(f"delay {delay_ms} ms")


@pytest.mark.parametrize("seconds", [20, 90] if LONG else [20])
def test_the_cameras_line_is_down(running, tmp_path, net, seconds):
    """It is noticed by the deadline, told after camera_down_after, and comes back by itself."""
    scene = Scene(running, tmp_path, net)
    offline = {name: sum(t.endswith(f"{name}/status") and p == "offline"
                         for t, p, _ in scene.subscriber.messages) for name in scene.bad}
    watch = hostile.Stopwatch()
    net.link("cameras", "down")
    daemon = scene.daemon
    noticed = []
    for name in scene.bad:
        daemon.wait_line(rf"warning camera: {name}: .*; trying again in \d+ s")
        noticed.append(watch.seconds())
    told = None
    if seconds > 60:
        for name in scene.bad:
            scene.subscriber.wait_topic(f"{name}/status", "offline", offline[name] + 1)
        told = watch.seconds()
    last(max(0, seconds - watch.seconds()))
    lines = [daemon.count(rf"warning camera: {name}: ") for name in scene.bad]
    hostile.check_others(daemon)
    watch = hostile.Stopwatch()
    net.link("cameras", "up")
    for name in scene.bad:
        daemon.wait_line(rf"camera: {name}: back after", timeout=3 * house.PATIENCE)
    recovered = watch.seconds()
    scene.wait_pictures(scene.bad)
    for name in scene.bad:
        assert scene.subscriber.last(f"{name}/status") == "online"
    scene.finish(f"camera's line down for {seconds} s", noticed=noticed, told=told, lines=lines,
                 recovered=recovered)
    assert max(lines) <= 3


@pytest.mark.parametrize("seconds", [20, 90] if LONG else [20])
def test_the_brokers_line_is_down(running, tmp_path, net, seconds):
    """People are recorded meanwhile, and what was made comes when the line is back, in order."""
    scene = Scene(running, tmp_path, net)
    daemon = scene.daemon
    watch = hostile.Stopwatch()
    net.link("broker", "down")
    noticed = None
    if seconds > 60:
        daemon.wait_line(r"warning bus: ", timeout=3 * house.PATIENCE)
        noticed = watch.seconds()
    last(max(0, seconds - watch.seconds()))
    assert daemon.rows("SELECT * FROM outbox"), "they wait"
    hostile.check_others(daemon, tuple(hostile.FINE) + tuple(scene.bad))
    watch = hostile.Stopwatch()
    net.link("broker", "up")
    scene.wait_events()
    recovered = watch.seconds()
    lines = daemon.count(r"warning bus: ")
    hostile.check_others(daemon, tuple(hostile.FINE) + tuple(scene.bad))
    scene.finish(f"broker's line down for {seconds} s", noticed=noticed, lines=lines,
                 recovered=recovered, connections=daemon.count(r"connected to the broker"))
    assert lines <= 2
