"""Daemon, cameras, broker and subscriber, and what may go wrong with each of them."""

import glob
import json
import os
import re
import signal
import sqlite3
import statistics
import time

import house
from daemon import stamp

PAGE = os.sysconf("SC_PAGE_SIZE") / 1e6
CAMERAS = 24
CLIPS = ("asl-bird", "asl-book", "asl-again", "face-demographics-walking", "torn", "plain")


def stat_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()


def children(pid):
    found = []
    for p in filter(str.isdigit, os.listdir("/proc")):
        try:
            if stat_of(p)[1] == str(pid):
                found.append(int(p))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def private_mb(pid):
    """Of the process alone: what it shares with others is counted once, with the daemon."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return sum(int(x.split()[1]) for x in f if x.startswith("Private_")) / 1024
    except (FileNotFoundError, ProcessLookupError):
        return 0


class Ear(house.Subscriber):
    """Keeps all events by (epoch, msg), and how long each was under way."""

    def __init__(self, port):
        self.told, self.late_ms, self.repeated, self.differing = {}, [], 0, 0
        super().__init__(port, "faced/#")

    def _on_message(self, client, data, m):
        if not m.topic.endswith("/faces"):
            return
        e = json.loads(m.payload)
        key = e["epoch"], e["msg"]
        with self.more:
            self.repeated += key in self.told
            before = self.told.setdefault(key, (e["type"], e["id"]))
            self.differing += before != (e["type"], e["id"])
            if not e["replayed"]:
                self.late_ms.append((time.time() - stamp(e["published"])) * 1000)
            self.more.notify_all()

    def latency(self):
        """Of what came since it was last asked."""
        with self.more:
            recent, self.late_ms = self.late_ms, []
        return statistics.median(recent) if recent else None


class World:
    def __init__(self, directory, phase):
        self.directory, self.phase = directory, phase
        self.server = None
        self.broker_lines, self.mqtt_keys = self.tls() if phase == "real" else ([], "")
        self.broker_port = house.free_port()
        self.plain_port = house.free_port()
        self.broker = self.start_broker()
        self.ear = Ear(self.plain_port)
        self.notify = house.Notify(directory)
        cameras = self.files() if phase == "accelerated" else self.streams()
        extra = ""
        self.daemon = house.Daemon(
            directory, cameras, self.broker_port, extra, self.mqtt_keys,
            env={"NOTIFY_SOCKET": self.notify.path, "WATCHDOG_USEC": "30000000"}, start=False)
        self.configure()
        self.daemon.start()
        self.daemon.wait_ready()
        self.beats = 0
        self.faults = [self.process_killed, self.process_stopped, self.broker_killed,
                       self.camera_off_and_on, self.reload]
        if self.server:
            self.faults.append(self.cameras_killed)

    def tls(self):
        from test_tls import Authority
        folder = os.path.join(self.directory, "tls")
        os.mkdir(folder)
        authority = Authority(folder, "authority")
        cert, key = authority.issue("IP:127.0.0.1")
        return ([f"cafile {authority.file}", f"certfile {cert}", f"keyfile {key}"],
                f'ca_file = "{authority.file}";')

    def start_broker(self):
        """One listener for the daemon, by TLS in the real phase, and one for the subscriber; what is
        queued for that one outlives the broker."""
        kept = os.path.join(self.directory, "broker")
        os.makedirs(kept, exist_ok=True)
        conf = os.path.join(self.directory, "mosquitto.conf")
        with open(conf, "w") as f:
            f.write(f"per_listener_settings false\nlistener {self.plain_port} 127.0.0.1\n"
                    f"listener {self.broker_port} 127.0.0.1\n" + "\n".join(self.broker_lines)
                    + "\nallow_anonymous true\nlog_dest stderr\nlog_type error\nlog_type information\n"
                    "max_queued_messages 0\npersistence true\nautosave_on_changes true\n"
                    f"autosave_interval 1\npersistence_location {kept}/\n"
                    + ("user root\n" if os.geteuid() == 0 else ""))
        p = house.Process(["/usr/sbin/mosquitto", "-c", conf])
        p.wait_line("running")
        return p

    def files(self):
        keys = {"pace": "max", "loop": True}
        names = [n for n in CLIPS if os.path.exists(house.clip(f"{n}.mkv"))]
        return {f"file-{i}": {"url": house.clip(f"{names[i % len(names)]}.mkv"), **keys}
                for i in range(len(names))}

    def streams(self):
        scenes = sorted(glob.glob(os.path.join(house.BUILD, "bench-scenes", "tenth-sub-*s-*.mkv")))
        files = scenes or [house.clip(f"{n}.mkv") for n in CLIPS[:4]]
        self.mounts = {f"c{i}": files[i % len(files)] for i in range(CAMERAS)}
        self.server_port = house.free_port()
        self.server = house.Cameras(self.mounts, self.server_port)
        return {n: {"url": self.server.url(n), "transport": "udp" if i % 4 == 3 else "tcp"}
                for i, n in enumerate(self.mounts)}

    def configure(self):
        """Records are kept for a minute, that the database has come to its size when it is judged;
        over TLS the broker has another scheme."""
        with open(self.daemon.conf) as f:
            text = f.read()
        text = text.replace(f'path = "{self.daemon.database}";',
                            f'path = "{self.daemon.database}"; retention = "1m";')
        if self.phase == "real":
            text = text.replace("mqtt://", "mqtts://")
        with open(self.daemon.conf, "w") as f:
            f.write(text)

    # ---------------------------------------------------------------- what is noted ---

    def sample(self, s):
        pid = self.daemon.p.pid
        own = children(pid)
        status = self.daemon.status()
        while not self.notify.got.empty():
            self.beats += "WATCHDOG=1" in self.notify.got.get()
        files = glob.glob(self.daemon.database + "*")
        return {"s": round(s, 1), "rss_mb": round(int(stat_of(pid)[21]) * PAGE, 1),
                "children_mb": round(sum(map(private_mb, own)), 1),
                "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
                "threads": len(os.listdir(f"/proc/{pid}/task")), "processes": len(own),
                "database_mb": round(sum(map(os.path.getsize, files)) / 1e6, 2),
                "outbox": status["outbox_waiting"],
                "latency_ms": self.ear.latency(),
                "online": sum(c["state"] == "online" for c in status["cameras"].values())}

    # ---------------------------------------------------------------- what goes wrong ---

    def process_killed(self, draw):
        own = children(self.daemon.p.pid)
        if own:
            os.kill(draw.choice(own), signal.SIGKILL)

    def process_stopped(self, draw):
        own = children(self.daemon.p.pid)
        if own:
            os.kill(draw.choice(own), signal.SIGSTOP)

    def broker_killed(self, draw):
        self.broker.stop(signal.SIGTERM if draw.random() < 0.5 else signal.SIGKILL)
        self.broker = self.start_broker()

    def cameras_killed(self, _draw):
        self.server.stop(signal.SIGKILL)
        self.server = house.Cameras(self.mounts, self.server_port)

    def camera_off_and_on(self, draw):
        name = draw.choice(sorted(self.daemon.status()["cameras"]))
        for word in ("OFF", "ON"):
            self.ear.client.publish(f"faced/test/{name}/enabled/set", word, qos=1)

    def reload(self, _draw):
        self.daemon.reload()

    # ---------------------------------------------------------------- the end ---

    def finish(self):
        """Stops it in good order, and compares what it kept with what was told."""
        self.daemon.wait_status(lambda s: s["broker"] and s["broker"]["connected"], timeout=120)
        self.daemon.p.send_signal(signal.SIGTERM)
        code = self.daemon.wait(timeout=60)
        db = sqlite3.connect(f"file:{self.daemon.database}?mode=ro", uri=True)
        waiting = db.execute("SELECT count(*) FROM outbox").fetchone()[0]
        sound = db.execute("PRAGMA integrity_check").fetchone()[0]
        kept = {i for i, in db.execute("SELECT id FROM faces")}
        db.close()
        quiet = time.monotonic() + 10
        with self.ear.more:
            while self.ear.more.wait(2) and time.monotonic() < quiet:
                pass
            told = sorted(m for _, m in self.ear.told)
            kinds = [k for k, _ in self.ear.told.values()]
            ended = {i for k, i in self.ear.told.values() if k == "end"}
        gaps = (told[-1] - told[0] + 1 - len(told)) if told else 0
        stuck = [x for x in self.daemon.lines
                 if re.search(r"the thread of .* (hangs|has not moved)|does not end", x)]
        return [
            ("it ends in good order", f"status {code}", code == 0),
            ("its threads never hung", f"{len(stuck)} times {stuck[:1]}; the watchdog was fed "
             f"{self.beats} times", not stuck and self.beats > 0),
            ("the database is sound", sound, sound == "ok"),
            ("people were told of", f"{kinds.count('new')} came, {kinds.count('end')} left",
             kinds.count("end") > 0),
            ("who is kept was told of", f"{len(kept)} kept at the end, {len(kept - ended)} of them "
             f"not told, {waiting} messages wait", len(kept - ended) <= waiting),
            ("no message is missing", f"{len(told)} told, {gaps} missing, {waiting} still waiting",
             gaps == 0 or gaps <= waiting),
            ("none was told in two ways", f"{self.ear.repeated} repeated, "
             f"{self.ear.differing} of them another one", self.ear.differing == 0)]

    def close(self):
        self.ear.close()
        for p in (self.daemon, self.broker, self.server):
            if p and p.p.poll() is None:
                p.p.kill()
                p.p.wait()
