"""A broker that is absent, refuses, dies or does not acknowledge costs delay and nothing else."""
import json
import signal

import pytest

import house

pytestmark = pytest.mark.models


def gapless(numbers):
    return sorted(set(numbers)) == list(range(min(numbers), max(numbers) + 1))


def test_what_was_seen_without_a_broker_comes_when_it_is_there(running, tmp_path):
    """Nobody listens while four people come and go; later all is told, oldest first."""
    port = house.free_port()
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max"}}, port))
    daemon.wait_rows("SELECT * FROM faces WHERE end_us IS NOT NULL", 4)
    waiting = daemon.wait_rows("SELECT * FROM outbox", 8)
    broker = running(house.Broker(str(tmp_path), port))
    subscriber = running(house.Subscriber(broker.port))
    subscriber.wait_events("end", 4)
    events = subscriber.events()
    assert len(events) == len(waiting)
    assert [e["msg"] for e in events] == list(range(1, len(events) + 1))
    assert sorted(e["seq"] for e in events if e["type"] == "end") == [1, 2, 3, 4]
    assert daemon.stop() == 0
    assert daemon.rows("SELECT * FROM outbox") == []


def test_broker_killed_and_back_nothing_lost_nothing_doubled(running, tmp_path):
    """The broker dies again and again while people come and go in an endless clip."""
    broker = running(house.Broker(str(tmp_path)))
    port = broker.port
    seen = []
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "real", "loop": True}}, port))
    for _ in range(3):
        subscriber = running(house.Subscriber(port))
        subscriber.wait_events("end", 2)
        broker.stop(signal.SIGKILL)
        seen += subscriber.events()
        subscriber.close()
        broker = running(house.Broker(str(tmp_path), port))
    subscriber = running(house.Subscriber(port))
    subscriber.wait_topic("test/status", "online", timeout=90)
    assert daemon.stop() == 0
    subscriber.wait_topic("test/status", "offline")
    seen += subscriber.events()
    # What was published between the broker's birth and the subscription reached nobody here, but
    # it was acknowledged: the database is the judge of what was made, the outbox of what was sent.
    assert daemon.rows("SELECT * FROM outbox") == []
    ids = {r["id"] for r in daemon.rows()}
    assert {e["id"] for e in seen} <= ids
    by_msg = {}
    for e in seen:
        key = {k: v for k, v in e.items() if k not in ("published", "replayed")}
        assert by_msg.setdefault(e["msg"], key) == key, "one msg, one content"
    seqs = [r["seq"] for r in daemon.rows()]
    assert sorted(seqs) == list(range(1, len(seqs) + 1))


def test_wrong_password_is_said_once_and_recording_goes_on(running, tmp_path):
    broker = running(house.Broker(str(tmp_path), users={"faced": "right-one"}))
    daemon = running(house.Daemon(
        tmp_path, {"room": {"url": house.media_of("classroom"), "pace": "max"}}, broker.port,
        mqtt_keys='username = "faced"; password = "wrong-one";'))
    daemon.wait_line(r"bus: .*(not authori|user name or password)")
    daemon.wait_rows("SELECT * FROM faces WHERE end_us IS NOT NULL", 4)
    assert daemon.stop() == 0
    assert "wrong-one" not in daemon.text
    assert len(daemon.rows("SELECT * FROM outbox")) >= 8

    daemon.conf_text = open(daemon.conf).read().replace("wrong-one", "right-one")
    with open(daemon.conf, "w") as f:
        f.write(daemon.conf_text)
    subscriber = running(house.Subscriber(broker.port, users=("faced", "right-one")))
    daemon.start()
    subscriber.wait_events("end", 4)
    assert [e["msg"] for e in subscriber.events()][:8] == list(range(1, 9))
    assert daemon.stop() == 0


def test_withheld_puback(running, tmp_path):
    """The broker takes the events, keeps their PUBACKs, and the line is cut: eleven seconds later
    each comes again, marked as replayed, and otherwise to the letter the same."""
    fake = running(house.FakeBroker({"withhold": "all", "dark_s": 11}, {}))
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max"}}, fake.port,
        mqtt_keys='version = "3.1.1";'))
    topic = "faced/test/room/faces"
    fake.wait_packet(2, got="PUBLISH", topic=topic)
    fake.do("cut")
    daemon.wait_rows("SELECT * FROM faces WHERE end_us IS NOT NULL", 4)
    fake.wait_packet(8, got="PUBLISH", topic=topic, c=2)
    assert daemon.stop() == 0
    first = [json.loads(p["payload"]) for p in fake.packets(got="PUBLISH", topic=topic, c=1)]
    again = [json.loads(p["payload"]) for p in fake.packets(got="PUBLISH", topic=topic, c=2)]
    assert [e["msg"] for e in again] == list(range(1, len(again) + 1))
    for one, two in zip(first, again):
        assert (one.pop("replayed"), two.pop("replayed")) == (False, True)
        assert one.pop("published") < two.pop("published")
        assert one == two


def test_state_is_told_again_to_a_new_broker(running, tmp_path):
    broker = running(house.Broker(str(tmp_path)))
    cameras = running(house.Cameras({"door": house.clip("black.mkv")}))
    daemon = running(house.Daemon(tmp_path, {"door": cameras.url("door")}, broker.port))
    daemon.wait_line(r"door: streaming")
    broker.stop(signal.SIGKILL)
    broker = running(house.Broker(str(tmp_path), broker.port))
    subscriber = running(house.Subscriber(broker.port))
    for topic, payload in (("test/status", "online"), ("door/status", "online"),
                           ("door/count", "0"), ("door/enabled/state", "ON")):
        subscriber.wait_topic(topic, payload)
    daemon.p.kill()
    subscriber.wait_topic("test/status", "offline")  # the will


def test_several_brokers_in_order(running, tmp_path):
    """The first is away, the second takes it; when that goes as well and the first has come, the
    first is used again. Nothing is lost on the way."""
    first, second = house.free_port(), running(house.Broker(str(tmp_path)))
    subscriber = running(house.Subscriber(second.port))
    daemon = running(house.Daemon(tmp_path, {"room": {
        "url": house.media_of("classroom"), "pace": "max", "loop": True}}, second.port,
        start=False))
    with open(daemon.conf) as f:
        text = f.read().replace(f'url = "mqtt://127.0.0.1:{second.port}"',
                                f'urls = ( "mqtt://127.0.0.1:{first}", '
                                f'"mqtt://127.0.0.1:{second.port}" )')
    with open(daemon.conf, "w") as f:
        f.write(text)
    daemon.start()
    daemon.wait_line(rf"connected to the broker mqtt://127.0.0.1:{second.port}")
    subscriber.wait_events("end", 4)
    assert daemon.status()["broker"]["url"] == f"mqtt://127.0.0.1:{second.port}"
    broker = running(house.Broker(str(tmp_path), first))
    watcher = running(house.Subscriber(first))
    second.stop()
    daemon.wait_line(rf"connected to the broker mqtt://127.0.0.1:{first}")
    watcher.wait_topic("test/status", "online")
    watcher.wait_events("end", 4)
    assert daemon.stop() == 0
    numbers = {e["msg"] for e in subscriber.events() + watcher.events()}
    assert numbers == set(range(1, max(numbers) + 1))
    assert broker.p.poll() is None
