"""The whole daemon on cameras over RTSP, with a broker: what it costs and what comes of it."""
import json
import sys
import tempfile
import time
from datetime import datetime

import house
import measure

SETTLE_S = 3  # after all cameras play, before measuring begins


class Listener(house.Subscriber):
    """Notes when each event came: (the event, wall time)."""

    def __init__(self, port):
        self.came = []
        super().__init__(port, "faced/#")

    def _on_message(self, client, data, m):
        now = time.time()
        if m.topic.endswith("/faces"):
            with self.more:
                self.came.append((json.loads(m.payload), now))
        super()._on_message(client, data, m)


def stamp(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def latencies(came, since):
    """Milliseconds of each `new` event: (from the arrival of the picture that confirmed the person
    until the message was sent, from there to the subscriber). The picture's arrival is start_time
    + duration_s: the last sighting that the event knows, by the time its packet was read."""
    sent, bus = [], []
    for e, now in came:
        if e["type"] == "new" and stamp(e["time"]) >= since:
            published = stamp(e["published"])
            sent.append((published - stamp(e["start_time"]) - e["duration_s"]) * 1000)
            bus.append((now - published) * 1000)
    return sent, bus


def totals(status):
    """Sums over all cameras, and the models' counts."""
    cameras = status["cameras"].values()
    sums = {k: sum(c[k] for c in cameras)
            for k in ("frames", "sampled", "looks", "faces", "frames_lost")}
    sums["estimates"] = status["models"]["estimates"]
    sums["reconnects"] = sum(c["reconnects_last_hour"] for c in cameras)
    return sums


class Whole:
    """Server, broker, listener and daemon, started and ready to be measured."""

    isolation = "process"

    def __init__(self, mounts, cameras=None, extra=""):
        """mounts: {name: file}; the daemon takes `cameras` of them, all by default."""
        self.n = len(cameras or mounts)
        self.processes = []
        self.listener = None
        self.directory = tempfile.TemporaryDirectory(prefix="faced-bench-")
        try:
            self.server = self.keep(house.Cameras(mounts))
            self.broker = self.keep(house.Broker(self.directory.name))
            self.listener = Listener(self.broker.port)
            names = cameras or list(mounts)
            self.daemon = self.keep(house.Daemon(
                self.directory.name, {
                    n: {"url": self.server.url(n), "isolation": self.isolation} for n in names},
                self.broker.port,
                extra, node="bench", env={"FACED_LOG": "warning"}, start=False))
            self.daemon.start()
        except BaseException:
            self.close()
            raise

    def keep(self, process):
        self.processes.append(process)
        return process

    def settle(self, clients):
        """Waits until so many clients play, and a little more."""
        self.server.wait_line(r"^play ", clients, 90)
        measure.pause(SETTLE_S)

    def close(self):
        """What was started last ends first."""
        if self.listener:
            self.listener.close()
        for p in reversed(self.processes):
            try:
                p.stop()
            except AssertionError as e:  # it was killed
                print(f"bench: {str(e).splitlines()[0]}", file=sys.stderr)
        self.directory.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def measure(self, seconds, others=None, meanwhile=lambda: None):
        """Measures itself and others, {name: pid}; meanwhile is called each second. A dictionary of
        all that is known of the daemon, and {name: share of a core}."""
        pid = self.daemon.p.pid
        before, wall = totals(self.daemon.status()), time.time()
        meter = measure.Meter({"faced": pid, "server": self.server.p.pid, **(others or {})})
        inside, behind, used = measure.threads(pid), [], []
        while time.time() < wall + seconds:
            measure.pause(1)
            meanwhile()
            behind.append(measure.unread(self.server.port))
            used.append(measure.memory(pid))
        passed, shares = meter.read()
        outside = measure.threads(pid)
        after = totals(self.daemon.status())
        got = {k: after[k] - before[k] for k in after}
        got["by_thread"] = {k: (v - inside.get(k, 0)) / passed for k, v in outside.items()}
        got["memory"], got["peak"] = used[-1], max(used)
        got["seconds"], got["n"] = passed, self.n
        got["unread"] = measure.percentile(behind, 0.5)
        measure.pause(1)  # the last messages
        with self.listener.more:
            came = list(self.listener.came)
        got["sent_ms"], got["bus_ms"] = latencies(came, wall)
        got["events"] = sum(stamp(e["time"]) >= wall for e, _ in came)
        got["cpu"] = shares.pop("faced")
        return got, shares
