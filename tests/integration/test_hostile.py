"""A hostile network: cameras and brokers that do their worst, beside others that are well. Each
scenario says what must hold for the camera, for all other cameras, and for the events."""
import json
import os
import re
import signal

import pytest

import hostile
import house
from test_source import Grab, hashes_of

pytestmark = pytest.mark.models

# What each is told of in the log.
NEVER_PLAY = {
    "mute": "does not answer within 10 s",
    "trickle": "does not answer within 10 s",
    "redirect": "",
    "redirect-http": "",
    "garbage": "",
    "huge": "",
    "hangup": "",
    "mute-play": "has sent nothing for 10 s",
}


def finish(daemon, subscriber, scenario, **values):
    """The end of each scenario with a real broker."""
    subscriber.wait_topic("hall/count", "0")
    hostile.check_others(daemon)
    assert daemon.stop() == 0
    subscriber.wait_topic("test/status", "offline")
    hostile.check_records(daemon)
    counts = hostile.check_events(daemon, subscriber.events())
    hostile.measured(scenario, **counts, **values)


def test_cameras_that_never_play(running, tmp_path, broker):
    """Eight at once. Each says why, once, waits longer each time, and comes when a real camera
    has taken its place; the two that are well do not notice."""
    subscriber = running(house.Subscriber(broker.port))
    doors = {mode: hostile.fake(running, "fakecam.py", mode) for mode in NEVER_PLAY}
    daemon = running(house.Daemon(tmp_path, {
        **{mode: fake.url for mode, fake in doors.items()}, **hostile.fine_cameras(running)},
        broker.port))
    for mode, words in NEVER_PLAY.items():
        daemon.wait_line(rf"warning camera: {mode}: .*{words}.*; trying again in \d+ s")
    hostile.check_others(daemon)
    for mode, fake in doors.items():
        assert subscriber.last(f"{mode}/status") == "offline"
        assert daemon.count(rf"warning camera: {mode}:") <= 2
        assert "root:" not in daemon.text
    watch = hostile.Stopwatch()
    for fake in doors.values():
        fake.stop()
        running(house.Cameras({"door": house.clip("black.mkv")}, port=fake.port))
    took = []
    for mode in doors:
        subscriber.wait_topic(f"{mode}/status", "online", timeout=2 * house.PATIENCE)
        daemon.wait_line(rf"camera: {mode}: streaming h264")
        took.append(watch.seconds())
    finish(daemon, subscriber, "cameras that never play", recovered=max(took))


def recovers(running, subscriber, daemon, fake, scenario, **values):
    """A real camera takes the place of the fake, and is used."""
    fake.stop()
    watch = hostile.Stopwatch()
    running(house.Cameras({"door": house.clip("black.mkv")}, port=fake.port))
    subscriber.wait_topic("door/status", "online", timeout=3 * house.PATIENCE)
    daemon.wait_line(r"camera: door: streaming h264 640x360")
    finish(daemon, subscriber, scenario, recovered=watch.seconds(), **values)


STREAMS = {
    "gaps": ("gaps", 37, 1), "reorder": ("reorder", 37, 1), "duplicate": ("duplicate", 37, 1),
    "new-sps": ("new-sps", 1, 2), "new-type": ("new-type", 1, 1),
}


def test_silence_is_noticed_by_one_deadline(running):
    cameras = running(house.Cameras({"door": house.clip("black.mkv")}))
    grab = Grab(cameras.url("door"), "--read-ms", 3000)
    grab.wait_line(r"^frame n=10 ")
    cameras.p.send_signal(signal.SIGSTOP)
    watch = hostile.Stopwatch()
    assert grab.fault()[0] == "timeout"
    assert watch.seconds() < 6, "one deadline, not two"


def test_no_hurt_picture_passes(running):
    """The source alone: what it gives out of such streams is, to the byte, what the clips hold."""
    clips = [hostile.raw("a"), hostile.raw("b", "480x272")]
    clean = set(hashes_of(clips[0]) + hashes_of(clips[1]))
    grabs = []
    for mode, every, n in STREAMS.values():
        fake = hostile.fake(running, "rtpcam.py", mode, "--every", every, *clips[:n])
        grabs += [(mode, Grab(fake.url, "--hash", "--stop-after-ms", 5000, *options))
                  for options in ((), ("--udp",))]
    for mode, grab in grabs:
        assert grab.fault()[0] == "stopped", grab.text
        assert grab.hashes() and set(grab.hashes()) <= clean, (mode, grab.argv)
        if mode == "gaps":
            assert grab.info("damages") > 0 and grab.info("withheld") > 0


def test_streams_that_are_hurt(running, tmp_path, broker):
    """Packets missing, out of order and twice, by TCP and by UDP; another size and another payload
    type with each key frame. The cameras stay online; nobody is seen who is not there."""
    subscriber = running(house.Subscriber(broker.port))
    clips = [hostile.raw("a"), hostile.raw("b", "480x272")]
    doors = {}
    for name, (mode, every, n) in STREAMS.items():
        fake = hostile.fake(running, "rtpcam.py", mode, "--every", every, *clips[:n])
        doors[name] = fake.url
        if n == 1 and mode != "new-type":
            doors[f"{name}-udp"] = {"url": fake.url, "transport": "udp"}
    daemon = running(house.Daemon(tmp_path, {**doors, **hostile.fine_cameras(running)},
                                  broker.port))
    for name in doors:
        subscriber.wait_topic(f"{name}/status", "online")
    subscriber.wait_events("end", 3, 2 * house.PATIENCE)
    hostile.check_others(daemon, tuple(hostile.FINE) + tuple(doors))
    cameras = daemon.status()["cameras"]
    assert cameras["gaps"]["damaged"] > 0 and cameras["gaps-udp"]["damaged"] > 0
    assert {e["camera"] for e in subscriber.events()} <= set(hostile.FINE)
    finish(daemon, subscriber, "streams that are hurt")


def test_a_camera_that_closes_after_every_picture(running, tmp_path, broker):
    """It is tried more and more seldom, and used when it behaves again."""
    subscriber = running(house.Subscriber(broker.port))
    fake = hostile.fake(running, "rtpcam.py", "one-frame", hostile.raw("a"))
    daemon = running(house.Daemon(tmp_path, {"door": fake.url, **hostile.fine_cameras(running)},
                                  broker.port, mqtt_keys='camera_down_after = "2s";'))
    fake.wait_line(r"^closed", n=4, timeout=2 * house.PATIENCE)
    lines, tries = daemon.count(r"camera: door: "), fake.count(r"^closed")
    told = sum(t.endswith("door/status") for t, _, _ in subscriber.messages)
    hostile.check_others(daemon)
    assert daemon.count(r"warning camera: door: ") <= tries
    recovers(running, subscriber, daemon, fake, "closes after every picture", tries=tries,
             lines=lines, told=told)


def test_a_camera_that_closes_after_every_picture_is_complained_of_once(running, tmp_path):
    fake = hostile.fake(running, "rtpcam.py", "one-frame", hostile.raw("a"))
    daemon = running(house.Daemon(tmp_path, {"door": fake.url}))
    fake.wait_line(r"^closed", n=4)
    assert daemon.count(r"warning camera: door: ") == 1


@pytest.mark.parametrize("mode", [
    "drip-play",
    "no-key"])
def test_a_camera_that_sends_no_picture(running, tmp_path, broker, mode):
    """Bytes come, whole packets even, and never a picture: that is a camera in trouble, too."""
    subscriber = running(house.Subscriber(broker.port))
    fake = hostile.fake(running, "rtpcam.py", mode, hostile.raw("a"))
    daemon = running(house.Daemon(tmp_path, {"door": fake.url, **hostile.fine_cameras(running)},
                                  broker.port))
    subscriber.wait_topic("hall/status", "online")
    daemon.wait_line(r"warning camera: door: .*; trying again in \d+ s", timeout=45)
    assert subscriber.last("door/status") == "offline"
    recovers(running, subscriber, daemon, fake, f"sends no picture: {mode}")


@pytest.mark.parametrize("program,mode", [
    ("fakecam.py", "gigabyte"),
    ("rtpcam.py", "endless")])
def test_a_camera_that_sends_a_gigabyte(running, tmp_path, broker, program, mode):
    """A description, and a picture, that have no end: they are given up, and do not take the memory
    of all others."""
    subscriber = running(house.Subscriber(broker.port))
    clips = [hostile.raw("a")] if program == "rtpcam.py" else []
    fake = hostile.fake(running, program, mode, *clips)
    daemon = running(house.Daemon(tmp_path, {"door": fake.url, **hostile.fine_cameras(running)},
                                  broker.port))
    daemon.wait_ready()
    daemon.wait_status(lambda s: s["cameras"]["door"]["state"] == "offline" or
                       hostile.rss_mb(daemon) > 700)
    hostile.check_others(daemon)
    assert hostile.rss_mb(daemon) < 700, "MB"
    daemon.wait_line(r"warning camera: door: .*; trying again in \d+ s")
    recovers(running, subscriber, daemon, fake, f"sends a gigabyte: {mode}",
             rss_mb=hostile.rss_mb(daemon))


def named(daemon, broker):
    """The broker by a name that the slow resolver knows."""
    with open(daemon.conf) as f:
        text = f.read()
    with open(daemon.conf, "w") as f:
        f.write(text.replace(f"mqtt://127.0.0.1:{broker.port}",
                             f"mqtt://broker.invalid:{broker.port}"))


def test_names_that_hang(running, tmp_path, broker):
    """The name server is silent, for one camera and for the broker: the others see people, their
    events wait; when it answers all comes."""
    subscriber = running(house.Subscriber(broker.port))
    door = running(house.Cameras({"door": house.clip("black.mkv")}))
    hangs = tmp_path / "hangs"
    hangs.touch()
    daemon = house.Daemon(tmp_path, {"door": f"rtsp://door.invalid:{door.port}/door",
                                     **hostile.fine_cameras(running)}, broker.port, start=False,
                          env={"LD_PRELOAD": house.preload("slowresolver.so"),
                               "SLOWRESOLVER_WHILE": str(hangs)})
    named(daemon, broker)
    running(daemon.start())
    daemon.wait_rows("SELECT * FROM faces WHERE end_us IS NOT NULL", 3, 2 * house.PATIENCE)
    hostile.check_others(daemon)
    assert daemon.status()["cameras"]["door"]["state"] == "connecting"
    assert subscriber.events() == []
    hangs.unlink()
    watch = hostile.Stopwatch()
    subscriber.wait_topic("test/status", "online")
    subscriber.wait_events("end", 3)
    events = watch.seconds()
    daemon.wait_line(r"camera: door: streaming")
    finish(daemon, subscriber, "names that hang", recovered=watch.seconds(), events_s=events)


# ---- brokers

LONG = bool(os.environ.get("FACED_LONG"))
TIMES = 7 if LONG else 3

BROKERS = {
    # Half of a PUBACK, and nothing more.
    "stalls in a packet": ([{"half_after": 6}, {}], r"is silent: it answers no ping"),
    "never acknowledges": ([{"withhold": "all"}, {}], r"has not acknowledged a message for 60 s"),
    "refuses": ([{"connack": 3}] * TIMES + [{}], r"says that its service is not available"),
    # After the fourth it is taken for one where another client has our id: two minutes of peace.
    "restarts each second": ([{"life_s": 1, "dark_s": 0.2}] * (4 if LONG else 3) + [{}],
                             r"closed the connection|Connection refused"),
    "dies at each packet": ([{"cut_topic": ""}] * (TIMES + 1) + [{}], r"closed the connection"),
}


@pytest.mark.parametrize("how", BROKERS)
def test_brokers(running, tmp_path, how):
    """All cameras go on, and what the broker did not take comes again; said once."""
    behaviours, words = BROKERS[how]
    fake = running(house.FakeBroker(*behaviours))
    room = {"url": house.media_of("classroom"), "pace": "real", "loop": True}
    daemon = running(house.Daemon(tmp_path, {"room": room, **hostile.fine_cameras(running)},
                                  fake.port, mqtt_keys='version = "3.1.1";'))
    daemon.wait_line(rf"warning bus: .*{words}", timeout=90 + house.PATIENCE)
    watch = hostile.Stopwatch()
    good = len(behaviours)
    fake.wait_packet(c=good, sent="CONNACK", code=0, timeout=400)
    back = watch.seconds()
    daemon.wait_rows("SELECT * FROM faces WHERE camera <> 'room' AND end_us IS NOT NULL", 3,
                     2 * house.PATIENCE)
    hostile.check_others(daemon)
    lines = daemon.count(r"warning bus:")
    assert daemon.stop() == 0
    hostile.check_records(daemon)
    acknowledged = {(p["c"], p["mid"]) for p in fake.packets(sent="PUBACK")}
    got = [(p["c"], p["mid"], json.loads(p["payload"])) for p in fake.packets(got="PUBLISH")
           if re.search(r"/faces$", p["topic"])]
    taken = [e for c, mid, e in got if (c, mid) in acknowledged]
    assert {e["msg"] for e in taken} == {e["msg"] for _, _, e in got}
    counts = hostile.check_events(daemon, [e for _, _, e in got])
    states = {p["topic"]: p["payload"] for p in fake.packets(got="PUBLISH", c=good)
              if p["retain"]}
    assert states["faced/test/status"] == "offline", "the last of all"
    assert fake.packets(got="PUBLISH", c=good, topic="faced/test/status", payload="online")
    hostile.measured(f"broker {how}", **counts, recovered=back, lines=lines)
