"""The real daemon, the real broker and the real RTSP server on loopback, for the scenarios.

Everything is started on free ports in a directory of its own, is waited for by what it says -
never by a pause - and is stopped by its own process id. A wait that is not answered by its
deadline fails with what was said until then.
"""
import base64
import glob
import http.client
import json
import os
import queue
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import paho.mqtt.client as mqtt

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
MODELS = os.path.join(TOP, os.environ.get("FACED_MODELS", "build/models"))
CLIPS = os.path.join(BUILD, "clips")
MEDIA = os.path.join(BUILD, "media")
FACED_MODE = os.environ.get("FACED_MODE", "release")
PATIENCE = 30 * (4 if FACED_MODE == "asan" else 1)

# People in each clip whose face can be seen; ../shared says so, and so do your eyes.
PEOPLE = {
    "face-demographics-walking": 2, "classroom": 4, "head-pose-face-detection-male": 1,
    "head-pose-female-and-male": 2, "one-by-one-person-detection": 0,
    **{f"asl-{w}": 1 for w in "again bird book brother eat help hungry learn milk night".split()},
}


def tool(name):
    return os.path.join(BUILD, name)


def tools(name):
    """A script of tests/tools."""
    return os.path.join(TOP, "tests/tools", name)


def preload(name):
    """LD_PRELOAD for one of tests/preload; a sanitizer's own library wants to be the first."""
    first = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True,
                           check=True).stdout.strip() + " " if FACED_MODE == "asan" else ""
    return first + tool(name)


def clip(name):
    """A camera's stream: a second of black, the clip, a minute of black."""
    return os.path.join(CLIPS, name)


def media_of(name):
    """The catalogue's own file of a clip."""
    found = glob.glob(os.path.join(MEDIA, glob.escape(name) + ".*"))
    assert found, f"no {name} in {MEDIA}"
    return found[0]


def seconds(file):
    """How long a video is, by its packets: not every container says it."""
    out = subprocess.run(["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries",
                          "packet=pts_time", "-of", "csv=p=0", file], capture_output=True,
                         text=True, check=True).stdout
    times = [float(x.strip(",")) for x in out.split() if x.strip(",") not in ("", "N/A")]
    return max(times) - min(times)


def run_all(argv, env=None):
    """What a program says, on both streams, whatever its exit status."""
    r = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=PATIENCE,
                       env={**os.environ, "FACED_MODELS": MODELS, **(env or {})})
    return r.stdout + r.stderr


def picture_size(file):
    """Width and height of a picture."""
    out = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=width,height", "-of",
                          "csv=p=0", file], capture_output=True, text=True, check=True).stdout
    return tuple(int(x) for x in out.strip().split(","))


def once_past(name, fps=5):
    """The sampled pictures of a clip's stream until five seconds into its closing black, which
    comes at two pictures a second."""
    return int(fps * (seconds(clip(f"{name}.mkv")) - 60)) + 10


class Process:
    """A program whose lines are kept, so that a test can wait for one."""

    def __init__(self, argv, env=None, cwd=None, stdin=subprocess.DEVNULL):
        self.argv = argv
        self.lines = []
        self.more = threading.Condition()
        self.p = subprocess.Popen(argv, stdin=stdin, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace",
                                  env={**os.environ, **(env or {})}, cwd=cwd)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stdout:
            with self.more:
                self.lines.append(line.rstrip("\n"))
                self.more.notify_all()
        with self.more:
            self.more.notify_all()

    @property
    def text(self):
        with self.more:
            return "\n".join(self.lines)

    def count(self, pattern):
        with self.more:
            return sum(bool(re.search(pattern, line)) for line in self.lines)

    def wait_line(self, pattern, n=1, timeout=PATIENCE):
        """The n-th line that matches, as a match object."""
        deadline = time.monotonic() + timeout
        with self.more:
            while True:
                found = [m for m in (re.search(pattern, x) for x in self.lines) if m]
                if len(found) >= n:
                    return found[n - 1]
                left = deadline - time.monotonic()
                if left <= 0 or (self.p.poll() is not None and not self.reader.is_alive()):
                    raise AssertionError(f"no line {n} with /{pattern}/ from {self.argv[0]}; "
                                         f"it said:\n" + "\n".join(self.lines[-60:]))
                self.more.wait(min(left, 0.5))

    def stop(self, sig=signal.SIGTERM, timeout=PATIENCE):
        """Sends the signal if it still runs; its exit code."""
        if self.p.poll() is None:
            self.p.send_signal(sig)
        return self.wait(timeout)

    def wait(self, timeout=PATIENCE):
        try:
            code = self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise AssertionError(f"{self.argv} did not end in {timeout} s; it said:\n{self.text}")
        self.reader.join(5)
        return code


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Broker(Process):
    def __init__(self, directory, port=None, users=None, more=(), inside=()):
        """more: lines for its configuration; inside: what runs it in another place."""
        self.port = port or free_port()
        conf = os.path.join(directory, f"mosquitto-{self.port}.conf")
        with open(conf, "w") as f:
            f.write(f"listener {self.port} 127.0.0.1\npersistence false\nlog_type all\n"
                    "log_dest stderr\n")
            if users:
                path = os.path.join(directory, "passwords")
                open(path, "w").close()
                os.chmod(path, 0o600)
                for name, password in users.items():
                    subprocess.run(["mosquitto_passwd", "-b", path, name, password], check=True,
                                   capture_output=True)
                f.write(f"allow_anonymous false\npassword_file {path}\n")
            else:
                f.write("allow_anonymous true\n")
            if os.geteuid() == 0:
                f.write("user root\n")  # the files here are the tests' own
            f.write("".join(line + "\n" for line in more))
        super().__init__([*inside, "/usr/sbin/mosquitto", "-c", conf])
        self.wait_line(r"running")


class FakeBroker(Process):
    """fakebroker.py; packets() are its JSON lines."""

    def __init__(self, *behaviours, port=0):
        super().__init__(["/usr/bin/python3", tools("fakebroker.py"), "--port", str(port)] +
                         [json.dumps(b) for b in behaviours], stdin=subprocess.PIPE)
        self.port = int(self.wait_line(r"^ready (\d+)").group(1))

    def do(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()

    def packets(self, **want):
        """All packets and events in order whose fields are as wanted."""
        lines = [json.loads(x) for x in self.text.split("\n") if x.startswith("{")]
        return [x for x in lines if all(x.get(k) == v for k, v in want.items())]

    def wait_packet(self, n=1, timeout=PATIENCE, **want):
        pattern = "".join(f'(?=.*"{k}": {re.escape(json.dumps(v))}[,}}])' for k, v in want.items())
        self.wait_line(rf"^{{{pattern}", n, timeout)
        return self.packets(**want)[n - 1]

    def events(self, c):
        """The numbered messages of connection c, as they came."""
        return [json.loads(x["payload"]) for x in self.packets(c=c, got="PUBLISH")
                if re.search(r"/door/\d+$", x["topic"])]


class Subscriber:
    """Collects all messages below a topic; each as (topic, payload, retained)."""

    def __init__(self, port, topic="#", users=None):
        self.messages = []
        self.more = threading.Condition()
        self.client = mqtt.Client(client_id=f"test-{os.getpid()}-{id(self)}", clean_session=False)
        if users:
            self.client.username_pw_set(*users)
        self.ready = threading.Event()
        self.client.on_connect = lambda c, *_: c.subscribe(topic, qos=1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(0.1, 0.5)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(PATIENCE), "the subscriber did not get through"

    def _on_message(self, _client, _data, m):
        with self.more:
            self.messages.append((m.topic, m.payload.decode(), m.retain))
            self.more.notify_all()

    def wait(self, predicate, what, timeout=PATIENCE):
        """predicate gets the list of messages; its first true value is returned."""
        deadline = time.monotonic() + timeout
        with self.more:
            while True:
                value = predicate(self.messages)
                if value:
                    return value
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no {what} in {timeout} s; there came "
                                         f"{self.messages[-40:]}")
                self.more.wait(left)

    def wait_topic(self, suffix, payload, n=1, timeout=PATIENCE):
        self.wait(lambda ms: sum(t.endswith(suffix) and p == payload for t, p, _ in ms) >= n,
                  f"{suffix} {payload}", timeout)

    def events(self, kind=None):
        with self.more:
            found = [json.loads(p) for t, p, _ in self.messages if t.endswith("/faces")]
        return [e for e in found if kind in (None, e["type"])]

    def wait_events(self, kind, n, timeout=PATIENCE):
        self.wait(lambda ms: sum(t.endswith("/faces") and json.loads(p)["type"] == kind
                                 for t, p, _ in ms) >= n, f"{n} {kind} events", timeout)
        return self.events(kind)

    def last(self, suffix):
        with self.more:
            found = [p for t, p, _ in self.messages if t.endswith(suffix)]
        return found[-1] if found else None

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Cameras(Process):
    """The RTSP server; mounts is {name: file} or {name: "file,option=value"}."""

    def __init__(self, mounts, port=0, options=(), inside=()):
        argv = [*inside, tool("rtspserver"), "--port", str(port)]
        for name, file in mounts.items():
            argv += ["--mount", f"/{name}={file}"]
        super().__init__(argv + list(options))
        self.port = int(self.wait_line(r"^ready (\d+)").group(1))

    def url(self, name, user=None, scheme="rtsp"):
        return f"{scheme}://{user + '@' if user else ''}127.0.0.1:{self.port}/{name}"


class Daemon(Process):
    """faced with a configuration of its own. cameras: {name: url or dict of keys}."""

    def __init__(self, directory, cameras, broker=None, extra="", mqtt_keys="", node="test",
                 args=(), env=None, start=True, inside=()):
        self.inside = list(inside)
        self.directory = str(directory)
        self.database = os.path.join(self.directory, "faced.db")
        self.control = os.path.join(self.directory, "control.sock")
        self.conf = os.path.join(self.directory, "faced.conf")
        self.configure(cameras, broker, extra, mqtt_keys, node)
        self.args, self.env = list(args), env
        if start:
            self.start()

    def configure(self, cameras, broker=None, extra="", mqtt_keys="", node="test"):
        """Another configuration in the place of the present one."""
        with open(self.conf, "w") as f:
            f.write(config(self.database, self.control, cameras, broker, extra, mqtt_keys, node))

    def reload(self):
        """Asks for it; what comes of it is in the log."""
        self.p.send_signal(signal.SIGHUP)

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def wait_status(self, predicate, timeout=PATIENCE):
        """Asks until the status is as it shall be."""
        deadline = time.monotonic() + timeout
        tick = threading.Event()
        while True:
            status = self.status()
            if predicate(status):
                return status
            assert time.monotonic() < deadline, (status, self.text)
            tick.wait(0.1)

    def start(self):
        env = {"FACED_MODELS": MODELS, **(self.env or {})}
        wrap = os.environ.get("DAEMON_WRAP", "").split()
        super().__init__(self.inside + wrap + [tool("faced"), "-c", self.conf] + self.args, env=env)
        return self

    def wait_ready(self):
        self.wait_line(r"main: ready")
        return self

    def rows(self, sql="SELECT * FROM faces ORDER BY start_us, id", *args):
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)
        try:
            db.row_factory = sqlite3.Row
            return [dict(r) for r in db.execute(sql, args)]
        finally:
            db.close()

    def wait_rows(self, sql, n, timeout=PATIENCE):
        """Polls, because SQLite has nobody to tell another process; n rows, or a failure."""
        deadline = time.monotonic() + timeout
        tick = threading.Event()
        while True:
            try:
                rows = self.rows(sql)
            except sqlite3.OperationalError:
                rows = []
            if len(rows) >= n:
                return rows
            assert time.monotonic() < deadline, f"{sql}: {len(rows)} of {n} rows\n{self.text}"
            tick.wait(0.05)

    def integrity(self):
        return self.rows("PRAGMA integrity_check")[0]["integrity_check"]

    def ask(self, request):
        """One request to the control socket, as it is; the last line of what comes back."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(PATIENCE)
            s.connect(self.control)
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile() as f:
                return json.loads(f.readlines()[-1])

    def ctl(self, *args, check=True):
        r = subprocess.run([tool("facectl")] + list(args[:1]) + ["-c", self.conf] + list(args[1:]),
                           capture_output=True, text=True, timeout=PATIENCE,
                           env={**os.environ, "FACED_MODELS": MODELS,
                                "RUNTIME_DIRECTORY": self.directory})
        assert not check or r.returncode == 0, r.stderr
        return r


def value(v):
    if isinstance(v, bool):
        return "true" if v else "false"
    if isinstance(v, (int, float)):
        return str(v)
    if isinstance(v, (list, tuple)):
        return "( " + ", ".join(value(x) for x in v) + " )"
    return json.dumps(v)


def config(database, control, cameras, broker, extra="", mqtt_keys="", node="test"):
    groups = []
    for name, keys in cameras.items():
        keys = keys if isinstance(keys, dict) else {"url": keys}
        pairs = " ".join(f"{k} = {value(v)};" for k, v in keys.items())
        groups.append(f"    {{ name = {json.dumps(name)}; {pairs} }}")
    text = (f'node = "{node}";\ncontrol = "{control}";\ndatabase: {{ path = "{database}"; }};\n'
            f'models: {{ dir = "{MODELS}"; }};\n{extra}\n')
    if broker:
        # What a scenario says of a camera shall be heard at once, but where blips are tried.
        if "camera_down_after" not in mqtt_keys:
            mqtt_keys += ' camera_down_after = "0s";'
        text += f'mqtt: {{ url = "mqtt://127.0.0.1:{broker}"; {mqtt_keys} }};\n'
    return text + "cameras: (\n" + ",\n".join(groups) + "\n);\n"


def by_camera(rows, camera):
    return [r for r in rows if r["camera"] == camera]


class Page:
    """The web server of a daemon, as a program asks it."""

    def __init__(self, port, password=None):
        self.port = port
        self.headers = {}
        if password:
            token = base64.b64encode(f"anybody:{password}".encode()).decode()
            self.headers["Authorization"] = f"Basic {token}"

    def ask(self, path, method="GET", body=None, headers=None, timeout=PATIENCE):
        """The answer, with its status, headers and body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body=body, headers={**self.headers, **(headers or {})})
            r = c.getresponse()
            r.body = r.read()
            return r
        finally:
            c.close()

    def get(self, path, status=200):
        r = self.ask(path)
        assert r.status == status, (path, r.status, r.body)
        return json.loads(r.body)

    def wait(self, path, predicate, timeout=PATIENCE):
        """Asks until the answer is as it shall be."""
        deadline = time.monotonic() + timeout
        tick = threading.Event()
        while True:
            r = self.ask(path)
            if predicate(r):
                return r
            assert time.monotonic() < deadline, (path, r.status, r.body[:500])
            tick.wait(0.1)

    def picture(self, camera, query=""):
        return self.wait(f"/api/v1/cameras/{camera}/picture{query}", lambda r: r.status == 200)


class Notify:
    """Stands for systemd's notification socket."""

    def __init__(self, directory):
        self.path = os.path.join(str(directory), "notify")
        self.s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.s.bind(self.path)
        self.got = queue.Queue()
        self.all = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            try:
                self.got.put(self.s.recv(4096).decode())
            except OSError:
                return

    def wait(self, pattern, timeout=PATIENCE):
        deadline = time.monotonic() + timeout
        while True:
            for m in self.all:
                if re.search(pattern, m):
                    return m
            try:
                self.all.append(self.got.get(timeout=max(0, deadline - time.monotonic())))
            except queue.Empty:
                raise AssertionError(f"no /{pattern}/ came; there came {self.all}")
