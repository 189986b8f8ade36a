"""The package on a real systemd: what the unit promises, and what dpkg must leave alone.

The tests stand on one another, in this order: one machine is installed, used, upgraded, purged.
"""
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from machine import Machine, PATIENCE, debs, house, must  # noqa: E402

OUT = os.path.join(house.TOP, os.environ.get("BUILD", "build"))
MALE = "head-pose-face-detection-male.mkv"
SECRET = "s3cret-of-the-door"

if os.geteuid() != 0:
    pytest.skip("a machine of its own needs root", allow_module_level=True)


@pytest.fixture(scope="module")
def machine():
    m = Machine(OUT)
    m.join_network()
    yield m
    m.close()


@pytest.fixture(scope="module")
def scene(machine):
    """Broker, subscriber and cameras beside the machine, in its network."""
    class Scene:
        dir = tempfile.mkdtemp(prefix="faced-scene-")
        broker = house.Broker(dir)
        subscriber = house.Subscriber(broker.port)
        cameras = house.Cameras({"door": house.clip(MALE), "a": house.clip("black.mkv"),
                                 "b": house.clip("black.mkv"), "c": house.clip("black.mkv")},
                                options=["--user", f"viewer:{SECRET}"])
    yield Scene
    Scene.subscriber.close()
    for p in (Scene.cameras, Scene.broker):
        p.stop()
    shutil.rmtree(Scene.dir, ignore_errors=True)


def conf(scene, cameras, extra="", broker=None):
    """cameras: names of the RTSP server's mounts, or {name: keys}."""
    if not isinstance(cameras, dict):
        cameras = {n: scene.cameras.url(n, "viewer:${file:door}") for n in cameras}
    text = house.config("/var/lib/faced/faced.db", "/run/faced/control.sock", cameras,
                        broker or scene.broker.port, extra, node="host")
    return re.sub(r"models: .*\n", "", text)


def status(machine):
    return json.loads(machine.run("facectl", "status", "--json"))


def start(machine):
    machine.run("systemctl", "restart", "faced.service")
    assert machine.show("ActiveState") == "active"


def rows(machine, sql):
    db = sqlite3.connect(f"file:{machine.root}/var/lib/faced/faced.db?mode=ro", uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def test_a_fresh_install_waits_for_a_camera(machine):
    said = machine.install(*debs(OUT))
    assert "write your cameras into /etc/faced/faced.conf" in said
    assert machine.show("UnitFileState") == "enabled"
    assert machine.show("ActiveState") == "inactive", "and it has not failed"
    assert machine.run("stat", "-c", "%a %U %G", "/etc/faced/secrets").strip() == "750 root faced"
    assert machine.run("facectl", "--version", check=False).startswith("facectl ")
    for name in ("privacy.md", "operations.md", "web.md", "examples/data.conf"):
        machine.run("test", "-e", f"/usr/share/doc/faced/{name}")
    models = machine.run("facectl", "models", "--verify")
    assert "yunet (detector): ready, checked" in models
    assert "xception (attributes): ready, checked" in models


def test_ready_needs_no_camera_and_no_broker(machine, scene):
    port = house.free_port()
    machine.write("/etc/faced/faced.conf",
                  conf(scene, {"door": f"rtsp://127.0.0.1:{port}/door"}, broker=port))
    start(machine)
    machine.wait(lambda: re.match(r"0/1 cameras, .*broker down; ", machine.show("StatusText")),
                 "what is wrong in STATUS")
    machine.run("systemctl", "stop", "faced.service")


def test_events_arrive_with_a_password_from_the_secrets(machine, scene):
    machine.write("/etc/faced/secrets/door", SECRET + "\n", 0o640)
    machine.run("chgrp", "faced", "/etc/faced/secrets/door")
    machine.write("/etc/faced/faced.conf", conf(scene, ["door"]))
    start(machine)
    new = scene.subscriber.wait_events("new", 1)[0]
    assert (new["node"], new["camera"]) == ("host", "door")
    machine.wait(lambda: machine.show("StatusText").startswith("1/1 cameras"), "STATUS")
    assert machine.run("stat", "-c", "%a %U", "/run/faced/control.sock").strip() == "660 faced"
    assert status(machine)["cameras"]["door"]["state"] == "online"


def test_killed_it_is_started_again_and_loses_nothing(machine, scene):
    pid, restarts = machine.show("MainPID"), int(machine.show("NRestarts"))
    machine.wait(lambda: rows(machine, "SELECT 1 FROM faces WHERE end_time IS NULL"),
                 "somebody in view")
    machine.run("kill", "-9", pid)
    machine.wait(lambda: machine.show("ActiveState") == "active" and
                 machine.show("MainPID") not in ("0", pid), "another process")
    assert int(machine.show("NRestarts")) == restarts + 1
    scene.subscriber.wait(lambda ms: any('"end_reason":"restart"' in p for _, p, _ in ms),
                          "the end of who was in view")
    scene.subscriber.wait_events("end", 2)
    events = scene.subscriber.events()
    assert sorted({e["msg"] for e in events}) == list(range(1, max(e["msg"] for e in events) + 1))
    ended = [r[0] for r in rows(machine, "SELECT id FROM faces WHERE end_time IS NOT NULL")]
    for kind in ("new", "end"):
        told = {(e["id"], e["msg"]) for e in events if e["type"] == kind and e["id"] in ended}
        assert sorted(i for i, _ in told) == sorted(ended), f"one {kind} for each record"


def test_a_wedged_thread_is_named_and_ends_the_process(machine, scene):
    shutil.copy(house.tool("wedge.so"), machine.path("/usr/lib/faced-wedge.so"))
    machine.drop_in("wedge", "Environment=LD_PRELOAD=/usr/lib/faced-wedge.so\nWatchdogSec=4\n")
    start(machine)
    machine.wait(lambda: status(machine)["cameras"]["door"]["state"] == "online", "a camera")
    pid, since = machine.show("MainPID"), machine.cursor()
    machine.write("/run/faced/wedge", "")
    machine.wait_journal(r"the thread of 'infer' has not moved for \d+ s", since)
    machine.wait_journal(r"Watchdog timeout", since)
    machine.wait(lambda: machine.show("MainPID") not in ("0", pid), "another process")
    machine.run("rm", "-f", "/run/faced/wedge")
    machine.remove_drop_ins()
    start(machine)


def test_a_reload_touches_only_what_changed(machine, scene):
    machine.write("/etc/faced/faced.conf", conf(scene, ["a", "b"]))
    start(machine)
    machine.wait(lambda: machine.show("StatusText").startswith("2/2 cameras"), "two cameras")
    pid, since = machine.show("MainPID"), machine.cursor()
    plays = scene.cameras.count(r"^play /a$")
    machine.write("/etc/faced/faced.conf", conf(scene, {
        "a": scene.cameras.url("a", "viewer:${file:door}"),
        "b": {"url": scene.cameras.url("b", "viewer:${file:door}"), "fps": 2},
        "c": scene.cameras.url("c", "viewer:${file:new}")}))
    machine.write("/etc/faced/secrets/new", SECRET, 0o640)
    machine.run("chgrp", "faced", "/etc/faced/secrets/new")
    machine.run("systemctl", "reload", "faced.service")
    machine.wait_journal(r"reloaded /etc/faced/faced.conf: 1 camera added, 1 camera changed",
                         since)
    machine.wait(lambda: machine.show("StatusText").startswith("3/3 cameras"), "three cameras")
    machine.write("/etc/faced/faced.conf", conf(scene, ["a", "c"]))
    machine.run("systemctl", "reload", "faced.service")
    machine.wait(lambda: sorted(status(machine)["cameras"]) == ["a", "c"], "two cameras left")
    assert scene.cameras.count(r"^play /a$") == plays, "it was never left"
    assert machine.show("MainPID") == pid
    scene.subscriber.wait_topic("/b/status", "")


def test_a_bad_reload_keeps_the_old_one_and_says_so(machine, scene):
    good = conf(scene, ["a"])
    machine.write("/etc/faced/faced.conf", good)
    start(machine)
    pid = machine.show("MainPID")
    machine.write("/etc/faced/faced.conf", good.replace("cameras:", "cmaeras:"))
    machine.run("systemctl", "reload", "faced.service")
    text = r"configuration \(not reloaded\), for \d+ s: /etc/faced/faced.conf:\d+: unknown key"
    machine.wait(lambda: re.search(text, machine.show("StatusText")), "the reason in STATUS")
    assert re.search(text, machine.run("systemctl", "status", "faced.service"))
    assert machine.show("MainPID") == pid and machine.show("ActiveState") == "active"
    machine.wait(lambda: machine.show("StatusText").startswith("1/1 cameras"), "a camera")
    machine.write("/etc/faced/faced.conf", good)
    machine.run("systemctl", "reload", "faced.service")
    machine.wait(lambda: "not reloaded" not in machine.show("StatusText"), "all well")


def test_it_stops_in_five_seconds(machine, scene):
    machine.write("/etc/faced/faced.conf", conf(scene, ["a", "b", "c"]))
    start(machine)
    machine.wait(lambda: machine.show("StatusText").startswith("3/3 cameras"), "three cameras")
    since = machine.cursor()
    machine.run("systemctl", "stop", "faced.service")
    assert machine.show("Result") == "success"
    stamps = {}
    for line in machine.run("journalctl", "-o", "json", "--no-pager", since).splitlines():
        j = json.loads(line)
        for word in ("Stopping faced", "Stopped faced"):
            if word in str(j.get("MESSAGE")):
                stamps[word] = int(j["__MONOTONIC_TIMESTAMP"])
    assert stamps["Stopped faced"] - stamps["Stopping faced"] < 5_000_000, "the unit's promise"
    scene.subscriber.wait_topic("host/status", "offline")


def test_a_bad_configuration_is_not_tried_again(machine, scene):
    machine.write("/etc/faced/faced.conf", conf(scene, ["a"]))
    start(machine)
    machine.run("systemctl", "stop", "faced.service")
    machine.write("/etc/faced/faced.conf", "nonsense = 1;\n")
    restarts, since = machine.show("NRestarts"), machine.cursor()
    machine.run("systemctl", "start", "faced.service", check=False)
    assert machine.show("ActiveState") == "failed" and machine.show("NRestarts") == restarts
    machine.wait_journal(r"faced\.conf:1: unknown key 'nonsense'", since)
    machine.run("systemctl", "reset-failed", "faced.service")


def test_credentials(machine, scene):
    machine.write("/etc/faced/credentials/gate", SECRET, 0o600)
    url = scene.cameras.url("a", "viewer:${file:gate}")
    machine.write("/etc/faced/faced.conf", conf(scene, {"a": url}))
    machine.drop_in("credentials", "LoadCredential=gate:/etc/faced/credentials/gate\n")
    start(machine)
    machine.wait(lambda: machine.show("StatusText").startswith("1/1 cameras"), "a camera")
    machine.run("systemctl", "stop", "faced.service")
    machine.drop_in("credentials", "LoadCredential=gate:/etc/faced/credentials/none\n")
    machine.run("systemctl", "start", "faced.service", check=False)
    assert machine.show("ActiveState") != "active", "a missing credential fails the unit"
    machine.run("systemctl", "stop", "faced.service")
    machine.run("systemctl", "reset-failed", "faced.service", check=False)
    machine.remove_drop_ins()


def test_a_database_on_another_disk_needs_the_drop_in(machine, scene):
    machine.run("install", "-d", "-m", "750", "-o", "faced", "-g", "faced", "/srv/faced")
    machine.write("/etc/faced/faced.conf", conf(scene, ["a"]).replace(
        "/var/lib/faced/faced.db", "/srv/faced/faced.db"))
    since = machine.cursor()
    start(machine)
    machine.wait_journal(r"/srv/faced/faced.db.*Read-only file system.*ReadWritePaths=", since)
    machine.wait(lambda: machine.show("StatusText").startswith("1/1 cameras"), "a camera all the same")
    example = open(machine.path("/usr/share/doc/faced/examples/data.conf")).read()
    machine.write("/etc/systemd/system/faced.service.d/data.conf", example)
    machine.run("systemctl", "daemon-reload")
    start(machine)
    machine.wait(lambda: not status(machine)["database"]["trouble"], "a database")
    assert machine.run("stat", "-c", "%a %U", "/srv/faced/faced.db").strip() == "640 faced"
    machine.run("systemctl", "stop", "faced.service")
    machine.remove_drop_ins()


def test_the_page_works_inside_the_sandbox(machine, scene):
    """Its port, its password, its nets and its letters: fonts are the system's."""
    port, http = house.free_port(), 'http: {{ listen = "{}:{}"; }};'
    machine.write("/etc/faced/faced.conf", conf(scene, ["door"], http.format("0.0.0.0", port)))
    machine.run("systemctl", "restart", "faced.service", check=False)
    assert machine.show("ActiveState") == "failed", "others can reach it and there is no password"
    machine.run("systemctl", "reset-failed", "faced.service")
    machine.run("sh", "-c", "echo correct-horse | facectl passwd")
    assert machine.run("stat", "-c", "%a %U %G", "/etc/faced/secrets/http-password").strip() == \
        "640 root faced"
    start(machine)
    page = house.Page(port, "correct-horse")
    assert house.Page(port).ask("/api/v1/faces").status == 401
    page.wait("/readyz", lambda r: r.status == 200)
    assert page.picture("door").body.startswith(b"\xff\xd8\xff")
    with open(house.media_of("head-pose-face-detection-male"), "rb") as f:
        told = page.ask("/api/v1/photo", "POST", f.read())
    assert told.status == 200 and len(json.loads(told.body)["faces"]) == 1
    machine.run("facectl", "passwd", "--remove")


def test_exposure(machine):
    out = machine.run("systemd-analyze", "security", "--no-pager", "faced.service")
    level = float(re.search(r"Overall exposure level for faced.service: ([\d.]+)", out).group(1))
    assert level <= 1.5, out


def test_the_sandbox_was_in_nobodys_way(machine):
    journal = machine.journal("-u", "faced.service")
    for bad in ("SIGSYS", "audit:", "Operation not permitted", "seccomp"):
        assert bad not in journal, [x for x in journal.splitlines() if bad in x]
    assert SECRET not in machine.run("journalctl", "--no-pager", "-o", "verbose")


def test_another_member_of_the_group_may_ask(machine, scene):
    machine.write("/etc/faced/faced.conf", conf(scene, ["a"]))
    start(machine)
    machine.run("useradd", "-G", "faced", "guard")
    machine.run("useradd", "visitor")
    ask = ["runuser", "-u", "guard", "--", "facectl", "status"]
    assert "camera" in machine.run(*ask).lower()
    assert machine.run("runuser", "-u", "guard", "--", "facectl", "events", "--format", "json")
    said = machine.run("runuser", "-u", "visitor", "--", "facectl", "status", check=False)
    assert "join the group" in said


def later_version(deb, version):
    """The same package under another version, as an upgrade would bring it."""
    with tempfile.TemporaryDirectory() as d:
        must(["dpkg-deb", "-R", deb, d + "/x"])
        path = d + "/x/DEBIAN/control"
        text = open(path).read()
        old = re.search(r"^Version: (.*)$", text, re.M).group(1)
        open(path, "w").write(text.replace(old, version))
        new = os.path.join(tempfile.gettempdir(), os.path.basename(deb).replace(old, version))
        must(["dpkg-deb", "-b", d + "/x", new])
    return new


def test_an_upgrade_keeps_data_and_configuration(machine, scene):
    before = rows(machine, "SELECT id, seq FROM faces ORDER BY seq")
    assert before
    config = open(machine.path("/etc/faced/faced.conf")).read()
    pid = machine.show("MainPID")
    new = [later_version(d, "0.1.1") for d in debs(OUT)]
    machine.install(*new, options=["--force-confold"])
    for d in new:
        os.unlink(d)
    machine.wait(lambda: machine.show("MainPID") not in ("0", pid), "the new program")
    machine.wait(lambda: machine.show("StatusText").startswith("1/1 cameras"), "its camera")
    assert rows(machine, "SELECT id, seq FROM faces ORDER BY seq")[:len(before)] == before
    assert open(machine.path("/etc/faced/faced.conf")).read() == config
    assert open(machine.path("/etc/faced/secrets/door")).read() == SECRET + "\n"


def test_remove_keeps_the_data_and_purge_asks_nothing(machine):
    env = ["DEBIAN_FRONTEND=noninteractive"]
    machine.run("dpkg", "-r", "faced", env=env)
    assert machine.run("pgrep", "-x", "faced", check=False) == ""
    assert not os.path.exists(machine.path("/usr/bin/faced"))
    assert os.path.exists(machine.path("/var/lib/faced/faced.db"))
    assert os.path.exists(machine.path("/etc/faced/faced.conf"))
    assert os.path.exists(machine.path("/etc/faced/secrets/door"))
    machine.run("dpkg", "-P", "faced", "faced-models", env=env)
    for left in ("/var/lib/faced", "/etc/faced/secrets", "/etc/faced/faced.conf",
                 "/usr/share/faced", "/run/faced"):
        assert not os.path.exists(machine.path(left)), left
