"""The bus alone (tests/tools/busdrive.c stands for store and app) against the real broker, and
against one that does byte for byte what a scenario needs (tests/tools/fakebroker.py)."""
import json
import re
import signal
import subprocess

import pytest

import house



class Drive(house.Process):
    """busdrive; do() gives it a command."""

    def __init__(self, port, *login, **env):
        super().__init__([house.tool("busdrive"), str(port), *login], stdin=subprocess.PIPE,
                         env={k: str(v) for k, v in env.items()})

    def do(self, command):
        self.p.stdin.write(command + "\n")
        self.p.stdin.flush()

    def acks(self):
        return [int(x[4:]) for x in self.text.split("\n") if x.startswith("ack ")]

    def wait_acked(self, last):
        self.wait_line(rf"^ack {last}$")

    def connected(self, n=1):
        self.wait_line(r"bus: connected to the broker", n)

    def finish(self):
        self.do("stop")
        assert self.wait() == 0, self.text
        assert self.count(r"^stopped .*lost=0$") == 1, self.text


def numbers_in_log(broker):
    """The messages that the real broker took in, from its own log."""
    return [int(m) for m in re.findall(r"Received PUBLISH from \S+ \(d0, q1, r0, m\d+, "
                                       r"'faced/test/door/(\d+)'", broker.text)]


@pytest.fixture
def drive(running):
    """The fake broker speaks MQTT 3.1.1 alone; who wants to try that says BUS_VERSION=auto."""
    return lambda port, *login, **env: running(Drive(port, *login, **{"BUS_VERSION": "3.1.1",
                                                                      **env}))


@pytest.fixture
def fake(running):
    return lambda *behaviours, **kw: running(house.FakeBroker(*behaviours, **kw))


# ---- the real broker


def test_delivers_in_order_and_once(broker, drive, running):
    watcher = running(house.Subscriber(broker.port, "faced/#"))
    d = drive(broker.port)
    d.do("send 1000")
    d.wait_acked(1000)
    assert d.acks() == list(range(1, 1001))
    watcher.wait(lambda ms: sum("/door/" in t for t, _, _ in ms) >= 1000, "1000 messages")
    got = [(json.loads(p), r) for t, p, r in watcher.messages if "/door/" in t]
    assert [p["msg"] for p, _ in got] == list(range(1, 1001))
    assert not any(r for _, r in got), "an event is never retained"
    assert not any(p["replayed"] for p, _ in got)
    d.finish()


def test_absent_broker_appears(drive, running, tmp_path):
    port = house.free_port()
    d = drive(port)
    d.do("send 50")
    d.do("state door/count 3")
    d.wait_line(r"warning bus: .*Connection refused.*events wait in the database")
    broker = running(house.Broker(str(tmp_path), port))
    d.wait_acked(50)
    assert d.count(r"connected to the broker .* again by MQTT 3.1.1$") == 1
    assert numbers_in_log(broker) == list(range(1, 51))
    d.do("stats")
    d.wait_line(r"^stats connected=1 sent=50 acked=50 connections=1 error=.*refused")
    d.finish()


def test_host_by_name_and_a_name_that_does_not_exist(broker, drive):
    d = drive(broker.port, BUS_HOST="localhost")  # ::1 comes first and refuses
    d.connected()
    d.finish()
    d = drive(broker.port, BUS_HOST="not a host")
    d.wait_line(r"warning bus: cannot find the broker .*; check the host in mqtt.url")
    d.do("stop")
    assert d.wait() == 0


def test_broker_killed_in_mid_stream(drive, running, tmp_path):
    first = running(house.Broker(str(tmp_path)))
    d = drive(first.port)
    d.do("send 600 400")
    d.wait_acked(100)
    first.stop(signal.SIGKILL)
    d.wait_line(r"warning bus: .*(closed the connection|broke)")
    second = running(house.Broker(str(tmp_path), first.port))
    d.wait_acked(600)
    assert d.acks() == list(range(1, 601)), "each is acknowledged once, in order"
    one, two = numbers_in_log(first), numbers_in_log(second)
    assert one == list(range(1, len(one) + 1)), "no gap and no repeat on one connection"
    assert two == list(range(two[0], 601)), "oldest first, nothing left out"
    assert two[0] <= len(one) + 1, "nothing lost"
    assert len(one) + 1 - two[0] <= 20, "only what was in flight may come twice"
    d.finish()


def test_wrong_password_then_the_right_one(drive, running, tmp_path):
    users = {"viewer": "s3cret-of-the-broker"}
    broker = running(house.Broker(str(tmp_path), users=users))
    d = drive(broker.port, "viewer", "wrong-passw0rd")
    d.do("send 3")
    d.wait_line(r"warning bus: .*refuses us: not authorised; check mqtt.username \(now 'viewer'\)")
    # A second refusal has been heard of and not been repeated to the operator.
    broker.wait_line(r"Sending CONNACK to \S+ \(0, 5\)", 2)
    d.do("stats")
    d.wait_line(r"^stats connected=0 sent=0 acked=0 connections=0 error=.*not authorised")
    assert d.count("not authorised;.*events wait") == 1
    assert "passw0rd" not in d.text
    d.do("stop")
    assert d.wait() == 0

    d = drive(broker.port, "viewer", users["viewer"])
    d.do("send 3")
    d.wait_acked(3)
    assert users["viewer"] not in d.text
    d.finish()


def test_will_after_a_kill_and_offline_after_a_clean_stop(broker, drive, running):
    watcher = running(house.Subscriber(broker.port, "faced/test/status"))
    d = drive(broker.port)
    watcher.wait_topic("/status", "online")
    d.stop(signal.SIGKILL)
    watcher.wait_topic("/status", "offline")
    assert broker.count(r"Received DISCONNECT from faced-test") == 0

    d = drive(broker.port)
    watcher.wait_topic("/status", "online", 2)
    d.do("state door/status offline")
    d.do("send 100")
    d.finish()
    assert d.acks() == list(range(1, 101)), "a stop sends what waits"
    assert d.count("ended with a goodbye") == 1
    watcher.wait_topic("/status", "offline", 2)
    broker.wait_line(r"Received DISCONNECT from faced-test")
    late = running(house.Subscriber(broker.port, "faced/test/#"))
    late.wait_topic("/door/status", "offline")
    late.wait_topic("test/status", "offline")
    assert all(r for _, _, r in late.messages), "state is retained, events are not"


def test_state_is_sent_again_to_a_broker_that_forgot(drive, running, tmp_path):
    first = running(house.Broker(str(tmp_path)))
    d = drive(first.port)
    for line in ("state door/status online", "state door/count 1", "state door/count 2",
                 "state hall/count 7", "clear hall/count", "news stats {}"):
        d.do(line)
    d.do("send 1")
    d.wait_acked(1)
    first.stop(signal.SIGKILL)
    second = running(house.Broker(str(tmp_path), first.port))
    d.connected(2)
    d.do("send 1")
    d.wait_acked(2)
    late = running(house.Subscriber(second.port, "faced/test/#"))
    late.wait(lambda ms: len(ms) >= 3, "three retained topics")
    assert sorted(late.messages) == [("faced/test/door/count", "2", True),
                                     ("faced/test/door/status", "online", True),
                                     ("faced/test/status", "online", True)]
    d.finish()


def test_commands(broker, drive, running):
    other = running(house.Subscriber(broker.port, "nothing"))
    say = other.client.publish
    say("faced/test/cellar/enabled/set", "OFF", qos=1, retain=True).wait_for_publish()
    d = drive(broker.port)
    d.wait_line(r"warning bus: ignored a retained message on faced/test/cellar/enabled/set")
    for camera, payload in [("door", "on"), ("door", ""), ("door", "OFF "), ("DOOR", "ON"),
                            ("a" * 33, "ON"), ("door", b"\xff\x00"), ("door", "O" * 100000)]:
        say(f"faced/test/{camera}/enabled/set", payload, qos=1)
    say("faced/test/door/enabled/set", "OFF", qos=1)
    say("faced/test/hall-2/enabled/set", "ON", qos=0)
    d.wait_line(r"^command hall-2 ON$")
    assert [x for x in d.text.split("\n") if x.startswith("command")] == \
        ["command door OFF", "command hall-2 ON"]
    assert d.count("bus: ignored") == 1, "the complaint is limited"
    d.finish()


# ---- the broker that misbehaves


def test_withheld_puback_cut_and_eleven_seconds(fake, drive):
    """Issue 2: what comes again has the same number, says that it is late, and is else the same."""
    # PUBLISH 1 is the status; the messages follow.
    f = fake({"withhold": [4], "cut_after": 6, "dark_s": 11}, {})
    d = drive(f.port)
    f.wait_packet(c=1, got="PUBLISH", topic="faced/test/status")
    d.do("send 5")
    d.wait_acked(3)
    before, after = f.events(1), f.events(2)
    assert [e["msg"] for e in before] == [1, 2, 3, 4, 5]
    assert [e["msg"] for e in after] == [3]
    assert before[2]["replayed"] is False and after[0]["replayed"] is True
    assert after[0]["published"] > before[2]["published"]
    anew = ("published", "replayed")
    assert {k: v for k, v in after[0].items() if k not in anew} == \
        {k: v for k, v in before[2].items() if k not in anew}
    assert list(after[0]) == list(before[2]), "the keys keep their order"
    assert not any(p["dup"] for p in f.packets(got="PUBLISH")), "it is not the library's own copy"
    assert d.acks() == [1, 2, 4, 5, 3]
    d.finish()


def test_twenty_in_flight_and_the_same_again_after_a_cut(fake, drive):
    f = fake({"withhold": "all"}, {})
    d = drive(f.port)
    d.do("send 100")
    # "status" and 19 messages: the broker has answered none of them.
    f.wait_packet(20, c=1, got="PUBLISH")
    d.do("state door/count 1")
    d.do("stats")
    d.wait_line(r"^stats connected=1 sent=19 acked=0")
    assert len(f.packets(c=1, got="PUBLISH")) == 20
    f.p.stdin.write("cut\n")
    f.p.stdin.flush()
    d.wait_acked(100)
    assert [e["msg"] for e in f.events(2)] == list(range(1, 101))
    second = f.packets(c=2, got="PUBLISH")
    assert [p["topic"] for p in second[:3]] == \
        ["faced/test/status", "faced/test/door/count", "faced/test/door/1"]
    d.finish()


@pytest.mark.parametrize("code,words", [
    (1, "does not take this version of MQTT"), (2, "does not take the client id 'faced-test'; choose another"),
    (3, "its service is not available"), (4, "bad user name or password; check mqtt.username"),
    (5, r"not authorised; check mqtt.username \(now none\)"), (99, "code 99")])
def test_refusals_have_words(fake, drive, code, words):
    f = fake({"connack": code}, {})
    d = drive(f.port)
    d.wait_line(rf"warning bus: the broker mqtt://127.0.0.1:{f.port} .*{words}")
    d.connected()
    d.finish()


def test_connect_packet(fake, drive):
    f = fake({})
    d = drive(f.port, "viewer", "a-passw0rd")
    got = f.wait_packet(c=1, got="CONNECT")
    assert got == {"c": 1, "got": "CONNECT", "protocol": "MQTT", "level": 4, "clean": True,
                   "keepalive": 20, "client_id": "faced-test", "username": "viewer",
                   "password": "a-passw0rd",
                   "will": {"topic": "faced/test/status", "payload": "offline", "qos": 1,
                            "retain": True}}
    assert f.wait_packet(c=1, got="SUBSCRIBE")["filters"] == [["faced/test/+/enabled/set", 0]]
    d.connected()
    d.finish()
    last = f.wait_packet(got="DISCONNECT") and f.packets(got="PUBLISH")[-1]
    assert (last["topic"], last["payload"], last["retain"]) == ("faced/test/status", "offline", True)


def test_odd_packets_are_survived(fake, drive):
    odd = ["4002ffff",                         # PUBACK for what was never sent
           "4002000040020000",                 # PUBACK 0
           "9003007b02", "b002007b",           # SUBACK, UNSUBACK for what was never asked
           "5002007b", "7002007b",             # PUBREC, PUBCOMP
           "3007000174416161ff",               # PUBLISH to another topic
           "d000"]                             # PINGRESP without a ping
    broken = ["300200ff", "3000", "00", "f000", "ffffffffffff", "2002000040",
              "320700035a2f23ff00", "474554202f20485454502f312e310d0a0d0a"]
    f = fake(*({"after": x} for x in odd + broken), {})
    # Each of them may or may not end its connection; what counts is that all arrives in the end.
    for n in range(1, len(odd) + len(broken) + 1):
        d = drive(f.port)
        d.do("send 2")
        f.wait_packet(c=n, event="after")
        f.p.stdin.write("cut\n")
        f.p.stdin.flush()
        d.do("stop")
        assert d.wait() == 0, d.text
    d = drive(f.port)
    d.do("send 2")
    d.wait_acked(2)
    d.finish()


def test_no_permission_to_listen(fake, drive):
    f = fake({"suback": 128})
    d = drive(f.port)
    d.wait_line(r"warning bus: the broker does not let us subscribe to faced/test/\+/enabled/set")
    d.do("send 1")
    d.wait_acked(1)
    d.finish()


def test_mute_broker_is_noticed_by_its_silence(fake, drive):
    f = fake({"mute_after": 2}, {})
    d = drive(f.port, BUS_KEEPALIVE=5)
    d.do("send 3")
    d.wait_line(r"warning bus: .*is silent: it answers no ping")
    d.wait_acked(3)
    assert [e["msg"] for e in f.events(2)] == [2, 3]
    d.finish()


def test_one_missing_acknowledgement_ends_the_connection(fake, drive):
    f = fake({"withhold": [3]}, {})
    d = drive(f.port, BUS_ACK_MS=1500)
    d.do("send 50")
    d.wait_line(r"warning bus: .*has not acknowledged a message for 1 s")
    d.wait_acked(2)
    assert [e["msg"] for e in f.events(2)] == [2]
    assert sorted(d.acks()) == list(range(1, 51))
    d.finish()


def test_broker_that_never_answers_connect(fake, drive):
    f = fake({"connack": None})
    d = drive(f.port)
    f.wait_packet(got="CONNECT")
    d.do("stop")
    assert d.wait(5) == 0, "a stop does not wait for it"
    assert d.count("ended without the broker") == 1


def test_stop_does_not_wait_for_ever(fake, drive):
    f = fake({"withhold": "all"})
    d = drive(f.port)
    d.do("send 5")
    f.wait_packet(6, got="PUBLISH")
    d.do("stop")
    assert d.wait(10) == 0
    assert d.count("5 events stay in the database for the next start") == 1
    # No answer to `offline`, so no goodbye either: the broker publishes the will.
    assert not f.packets(got="DISCONNECT")


# ---- versions, refusals, several brokers


def test_auto_speaks_5_where_it_can(broker, drive):
    d = drive(broker.port, BUS_VERSION="auto")
    d.wait_line(r"connected to the broker \S+ by MQTT 5$")
    d.do("send 100")
    d.wait_acked(100)
    assert broker.count(r"New client connected .* \(p5,") == 1
    d.finish()


def test_auto_comes_down_to_3_1_1(fake, drive):
    """This broker hangs up on a CONNECT that it cannot read; it is asked once more, and remembered."""
    f = fake({}, {"cut_after": 1}, {})
    d = drive(f.port, BUS_VERSION="auto")
    d.wait_line(r"connected to the broker \S+ by MQTT 3.1.1$")
    d.connected(2)
    d.do("send 3")
    d.wait_acked(3)
    d.finish()
    assert [x["level"] for x in f.packets(got="CONNECT")] == [4, 4], "5 was tried once"


def test_only_5_is_not_brought_down(fake, drive):
    d = drive(fake({}).port, BUS_VERSION="5")
    d.wait_line(r"warning bus: the broker \S+ closed the connection without an answer")
    d.do("stop")
    d.wait()


def test_a_refused_message_by_version_5(running, tmp_path, drive):
    """The broker's rules forbid one topic: those behind it arrive, its number is missing."""
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite faced/test/#\ntopic deny faced/test/door/7\n"
                     "topic deny faced/test/door/count\n")
    broker = running(house.Broker(str(tmp_path), more=[f"acl_file {rules}"]))
    d = drive(broker.port, BUS_VERSION="5")
    d.do("state door/count 1")
    d.do("send 20")
    d.wait_acked(20)
    d.wait_line(r"error bus: message 7 for 'door/7' is set aside, receivers see a gap: we may not "
                r"publish there; allow it in the broker's rules")
    d.wait_line(r"error bus: the broker does not take 'faced/test/door/count': we may not")
    d.do("stats")
    d.wait_line(r"^stats connected=1 sent=20 acked=19 ")
    d.wait_line(r"^more version=5 .* refused=2 ")
    d.finish()


def test_a_message_at_which_3_1_1_cuts(fake, drive):
    """Two cuts without progress, a third with it alone in flight: it is set aside."""
    f = fake({"cut_topic": "/door/3"})
    d = drive(f.port)
    d.do("send 6")
    d.wait_line(r"^ack 6$", timeout=120)  # the pauses between the tries grow
    d.wait_line(r"error bus: message 3 for 'door/3' is set aside, receivers see a gap: the broker "
                r"closes the connection whenever it comes")
    d.do("stats")
    d.wait_line(r"^stats connected=1 .* acked=5 ")
    d.finish()
    cuts = f.packets(got="PUBLISH", topic="faced/test/door/3")
    assert len(cuts) in (3, 4, 5), "an acknowledgement that came before a cut is progress"


def test_a_broker_that_hangs_up_on_subscribing(fake, drive):
    """As a cluster does while the node that keeps our session is dead. No message displeased it:
    none is set aside, and all come once it lets us in."""
    f = fake(*[{"suback": None}] * 4, {})
    d = drive(f.port, BUS_VERSION="3.1.1")
    d.do("state door/count 1")
    d.do("send 3")
    d.wait_line(r"warning bus: the broker \S+ closed the connection when we subscribed to "
                r"'faced/test/\+/enabled/set'")
    d.wait_acked(3)
    f.wait_packet(got="PUBLISH", topic="faced/test/door/count")
    d.finish()
    assert "does not take" not in d.text and "set aside" not in d.text
    assert {p["c"] for p in f.packets(got="PUBLISH")} == {5}, "nothing goes out before that"


def test_a_subscription_denied_for_now_is_asked_for_again(fake, drive):
    """As by a cluster that is choosing a leader; what is denied for good is said once."""
    f = fake({"suback": [0x80, 0x80, 0]})
    d = drive(f.port, BUS_VERSION="3.1.1", BUS_KEEPALIVE="5")
    d.wait_line(r"warning bus: the broker does not let us subscribe to faced/test/\+/enabled/set")
    d.do("send 3")
    d.wait_acked(3)
    d.wait_line("info bus: the broker lets us subscribe now")
    d.finish()
    assert len(f.packets(got="SUBSCRIBE")) == 3 and len(f.packets(got="CONNECT")) == 1
    assert d.count("does not let us subscribe") == 1


def test_a_message_too_large_for_the_broker(running, tmp_path, drive):
    """By MQTT 5 the broker says how much it takes, and the rest is not even sent."""
    broker = running(house.Broker(str(tmp_path), more=["max_packet_size 400"]))
    d = drive(broker.port, BUS_VERSION="5")
    d.connected()
    d.do("state door/large " + "x" * 240)
    d.do("state door/count 1")
    d.do("send 5")
    d.wait_acked(5)
    d.finish()


def test_a_taken_over_id_is_not_fought(fake, drive):
    """MQTT 5 says so: DISCONNECT with reason 0x8e."""
    f = fake({"v5": True, "after": "e002" "8e00"}, {"v5": True})
    d = drive(f.port, BUS_VERSION="auto")
    d.wait_line(r"warning bus: another client took over the id 'faced-test' at the broker \S+; give "
                r"each its own mqtt.client_id")
    d.do("stats")
    d.wait_line(r"^more .*taken_over=1 ")
    d.do("stop")
    assert d.wait() == 0
    assert len(f.packets(event="accepted")) == 1


def test_two_clients_with_one_id_do_not_fight(running, broker, drive):
    """This broker does not say why it closes: after four times that is clear enough."""
    d = drive(broker.port, BUS_VERSION="auto")
    for n in range(1, 5):
        d.connected(n)
        other = running(Drive(broker.port, BUS_VERSION="auto"))
        other.connected()
        d.wait_line(r"closed the connection soon after it took it", n)
        if n < 4:
            other.finish()
    d.wait_line(r"closed the connection soon after it took it, again and again; does another client "
                r"use the id 'faced-test'")
    d.do("stats")
    d.wait_line(r"^more .*taken_over=1 ")
    other.do("send 20")
    other.wait_acked(20)
    other.finish()
    assert d.count(r"connected to the broker") == 4
    d.do("stop")
    assert d.wait() == 0


def test_a_broker_that_is_full_is_left_alone_for_a_while(fake, drive):
    f = fake({"v5": True, "puback": {"/door/2": 0x97}}, {"v5": True})
    d = drive(f.port, BUS_VERSION="5")
    d.do("send 4")
    d.wait_line(r"warning bus: the broker has no room for our messages \(quota exceeded\)")
    d.wait_acked(4)
    d.do("stats")
    d.wait_line(r"^more .* refused=0 ")
    d.finish()


@pytest.mark.parametrize("code", [0x89, 0x8b, 0x96, 0x97])
def test_a_broker_that_ends_the_connection_for_itself_loses_no_message(fake, drive, code):
    """Busy, shutting down, too many, no room: said each time it gets this one, and not about it."""
    f = fake(*[{"v5": True, "quit": {"/door/2": code}}] * 3, {"v5": True})
    d = drive(f.port, BUS_VERSION="5")
    d.do("send 4")
    d.wait_line(r"warning bus: .*(ended the connection|closed the connection)")
    d.wait_acked(4)
    d.do("stats")
    d.wait_line(r"^more .* refused=0 ")
    assert sorted({e["msg"] for e in f.events(4)}) == [2, 3, 4]
    d.finish()


@pytest.mark.parametrize("how", [{"v5": True, "puback": {f"/door/{n}": 0x97 for n in range(1, 5)}},
                                 {"v5": True, "withhold": "all"}])
def test_a_broker_that_takes_no_message_is_not_the_only_one(fake, drive, how):
    first, second = fake(how), fake({"v5": True})
    d = drive(first.port, BUS_VERSION="5", BUS_NEXT=second.port, BUS_ACK_MS=1500)
    d.do("send 4")
    d.wait_acked(4)
    assert [e["msg"] for e in second.events(1)] == [1, 2, 3, 4]
    d.finish()
