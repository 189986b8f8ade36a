"""An audit: after a full run no password that was configured stands in any log, status, message or
file that it left, in no form in which it could have got there."""
import base64
import glob
import hashlib
import json
import os
import signal
import urllib.parse

import pytest

import house

pytestmark = pytest.mark.models

# As people choose them: plain, with characters that a URL wants encoded, with JSON's and libconfig's.
PASSWORDS = {
    "plain": "Tr0ub4dor",
    "special": "p@ss/wo:rd?#1%",
    "file": "in a file + more",
    "env": "u-umlaut-\u00fc\u20ac-env",
    "wrong": "n0t-the-right-0ne",
    "http": "Basic4ever",
    "broker": "br0ker-pa55",
    "old_broker": "br0ker-0ld",
    "query": "t0ken-in-query",
}
REALM = "GStreamer RTSP Server"


def forms(user, password):
    """Every form in which it could be found."""
    quoted = urllib.parse.quote(password, safe="")
    yield from (password, quoted, quoted.lower(), urllib.parse.quote(password),
                urllib.parse.quote_plus(password), json.dumps(password)[1:-1],
                password.replace('"', '\\"'))
    for text in (f"{user}:{password}", password):
        for encoding in ("utf-8", "latin-1"):
            try:
                raw = text.encode(encoding)
            except UnicodeEncodeError:
                continue
            yield base64.b64encode(raw).decode().rstrip("=")[:-1]
            yield raw.hex()
            yield hashlib.sha256(raw).hexdigest()
            yield hashlib.md5(raw).hexdigest()
    yield hashlib.md5(f"{user}:{REALM}:{password}".encode()).hexdigest()  # HA1 of digest


def everywhere(tmp_path, allowed):
    for f in glob.glob(os.path.join(str(tmp_path), "**"), recursive=True):
        if os.path.isfile(f) and f not in allowed:
            yield f, open(f, "rb").read()


class Audit:
    def __init__(self):
        self.texts = {}

    def hear(self, name, text):
        self.texts.setdefault(name, b"")
        self.texts[name] += text if isinstance(text, bytes) else text.encode()

    def verdict(self, users):
        found = []
        for key, password in PASSWORDS.items():
            for form in set(forms(users.get(key, "viewer"), password)):
                for name, text in self.texts.items():
                    if form.encode() in text:
                        found.append(f"{key} as {form!r} in {name}")
        return found


def test_the_audit_would_find_one():
    audit = Audit()
    audit.hear("log", "Authorization: Basic " + base64.b64encode(b"viewer:Tr0ub4dor").decode())
    audit.hear("database", urllib.parse.quote(PASSWORDS["special"], safe="").encode())
    found = audit.verdict({})
    assert any(x.startswith("plain") for x in found)
    assert any(x.startswith("special") for x in found)


def test_no_password_anywhere(running, tmp_path):
    audit = Audit()
    broker = running(house.Broker(str(tmp_path), users={"faced": PASSWORDS["broker"],
                                                        "watcher": "w"}))
    subscriber = running(house.Subscriber(broker.port, users=("watcher", "w")))
    servers = {}
    for key in ("plain", "special", "file", "env", "query"):
        servers[key] = running(house.Cameras(
            {key: house.clip("black.mkv")}, options=[
                "--user", f"viewer:{PASSWORDS[key]}", "--auth",
                "basic" if key in ("plain", "special") else "digest"]))
    servers["wrong"] = running(house.Cameras({"wrong": house.clip("black.mkv")},
                                             options=["--user", "viewer:other"]))
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o750)
    (secrets / "cam").write_text(PASSWORDS["file"] + "\n")
    (secrets / "mqtt").write_text(PASSWORDS["old_broker"] + "\n")
    os.chmod(secrets / "cam", 0o640)
    os.chmod(secrets / "mqtt", 0o640)

    def url(key, password):
        return servers[key].url(key, f"viewer:{password}")

    def encoded(key):
        return urllib.parse.quote(PASSWORDS[key], safe="")

    dead = house.free_port()
    cameras = {
        "plain": url("plain", encoded("plain")),
        "special": url("special", encoded("special")),
        "file": url("file", "${file:cam}"),
        "env": url("env", "${env:CAMERA_SECRET}"),
        "wrong": url("wrong", encoded("wrong")),
        "http": f"http://viewer:{encoded('http')}@127.0.0.1:{dead}/video.mjpg",
        "query": url("query", encoded("query")) + f"?token={PASSWORDS['query']}&password="
                 f"{encoded('query')}",
        "room": {"url": house.media_of("classroom"), "pace": "max"},
    }
    extra = f'secrets_dir = "{secrets}"; privacy: {{ store_crops = true; }};'
    keys = 'username = "faced"; password = "${file:mqtt}";'
    notify = house.Notify(tmp_path)
    env = {"CAMERA_SECRET": PASSWORDS["env"], "FACED_LOG": "debug",
           "NOTIFY_SOCKET": notify.path}
    daemon = house.Daemon(tmp_path, cameras, broker.port, extra=extra, mqtt_keys=keys, env=env,
                          start=False)

    # The configuration: shown, checked, and wrong next to a secret.
    for args in (["--dump-config"], ["--check-config"]):
        audit.hear(" ".join(args), house.run_all([house.tool("faced"), "-c", daemon.conf] + args,
                                                 env))
    good = open(daemon.conf).read()
    for i, wrong in enumerate((good.replace('name = "plain"; url', 'name = "plain"; ulr'),
                               good.replace("viewer:", "viewer:/", 1),
                               good.replace(encoded("special"), PASSWORDS["special"]),
                               good.replace('"; };\n', "\n", 1))):
        bad = tmp_path / f"bad{i}.conf"
        bad.write_text(wrong)
        audit.hear(f"bad configuration {i}",
                   house.run_all([house.tool("faced"), "-c", str(bad), "--check-config"], env))
        bad.unlink()

    # A run: refused by the broker and by cameras, then let in; watched by everybody.
    running(daemon.start())
    daemon.wait_ready()
    daemon.wait_line(r"bus: the broker .* refuses us")
    for key in ("plain", "special", "file", "env"):
        daemon.wait_line(rf"camera: {key}: streaming")
    daemon.wait_line(r"camera: wrong: .*401")
    daemon.wait_line(r"camera: http: .*refused")
    (secrets / "mqtt").write_text(PASSWORDS["broker"] + "\n")
    daemon.reload()
    daemon.wait_line(r"main: reloaded")
    daemon.wait_line(r"bus: connected to the broker")
    subscriber.wait_events("end", 4)
    subscriber.wait(lambda ms: any(t.endswith("/stats") for t, _, _ in ms), "stats")
    for args in (["status"], ["status", "--json"], ["events"], ["events", "--format", "json"],
                 ["models"], ["verify"], ["backup", str(tmp_path / "copy.db")],
                 ["probe", "--seconds", "1", cameras["plain"]],
                 ["probe", "--seconds", "1", cameras["wrong"]]):
        r = daemon.ctl(*args, check=False)
        audit.hear("facectl " + args[0], r.stdout + r.stderr)
    daemon.p.send_signal(signal.SIGUSR1)
    daemon.wait_line(r"info main: \{")
    with open(daemon.conf, "w") as f:
        f.write(good.replace("camera_down", "camera_dwon"))
    daemon.reload()
    daemon.wait_line(r"not reloaded")
    notify.wait("configuration")
    daemon.stop(signal.SIGKILL)  # so that -wal and the lock are left as they are
    audit.hear("log", daemon.text)
    daemon.start()
    daemon.wait()  # 78: the file is still wrong
    audit.hear("log", daemon.text)
    with open(daemon.conf, "w") as f:
        f.write(good)
    daemon.start()
    daemon.wait_ready()
    assert daemon.stop() == 0

    audit.hear("log", daemon.text)
    for m in notify.all:
        audit.hear("notifications", m)
    for topic, payload, _ in subscriber.messages:
        audit.hear("messages", topic + " " + payload + "\n")
    allowed = {daemon.conf, str(secrets / "cam"), str(secrets / "mqtt"),
               os.path.join(str(tmp_path), "passwords")}
    for name, content in everywhere(tmp_path, allowed):
        audit.hear(name, content)
    assert len(audit.texts["log"]) > 1000 and "messages" in audit.texts
    assert any(n.endswith("faced.db") for n in audit.texts)
    assert any(n.endswith(".jpg") for n in audit.texts)
    assert audit.verdict({"broker": "faced", "old_broker": "faced"}) == []
