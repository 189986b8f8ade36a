"""FLEET_RATE=1: what a cluster of each kind carries here, with messages as long as faced's: how many a
second of how many sessions, and what of a processor each costs its nodes."""
import os
import time

import pytest

import brokers
import house
from fleet import wait

PAD = 500  # an `end` of faced's is 640 to 700 bytes long

pytestmark = pytest.mark.skipif(not os.environ.get("FLEET_RATE"), reason="FLEET_RATE is not set")


class Counter(house.Process):
    """A subscriber that costs little; each message's topic is a line in its file."""

    def __init__(self, machine, host, file):
        self.file = file
        super().__init__(machine.run(["sh", "-c", 'exec stdbuf -oL mosquitto_sub -d -h "$0" -q 1 -c -i counter '
                                      "-t 'faced/+/door/+' -F 'got %t' >\"$1\" 2>&1", host, file]))
        wait(lambda: "Subscribed" in self.text_of(), "subscription")

    def text_of(self):
        if not os.path.exists(self.file):
            return ""
        with open(self.file, encoding="utf-8") as f:
            return f.read()

    def topics(self):
        """Each message has a topic of its own; one that came again is here again."""
        return [x for x in self.text_of().split("\n")[:-1] if x.startswith("got ")]


class Driver(house.Process):
    def __init__(self, machine, broker, node):
        super().__init__(machine.run([house.tool("busdrive"), "1883"]),
                         {"BUS_HOST": broker.ip, "BUS_NODE": node, "BUS_PAD": str(PAD),
                          "BUS_VERSION": "3.1.1"}, stdin=-1)
        self.wait_line("connected to the broker")

    def say(self, line):
        self.p.stdin.write(line + "\n")
        self.p.stdin.flush()

    def acked(self):
        return self.count("^ack ")


@pytest.mark.parametrize("sessions", [1, 3, 30])
@pytest.mark.parametrize("kind", [*brokers.KINDS, "mosquitto-timed"])
def test_what_it_carries(net, tmp_path, running, kind, sessions):
    cluster = {**brokers.KINDS, "mosquitto-timed": brokers.TimedMosquittos}[kind](net, str(tmp_path))
    hosts, desk = net.machine("hosts"), net.machine("desk")
    try:
        cluster.start_all()
        counter = running(Counter(desk, cluster.listened[0], str(tmp_path / "count")))
        drivers = [running(Driver(hosts, cluster.nodes[i % 3], f"n{i}")) for i in range(sessions)]
        each = max(200, 3000 // sessions)
        cpu, begin = cluster.cpu_s(), time.monotonic()
        for d in drivers:
            d.say(f"send {each}")
        wait(lambda: all(d.acked() >= each for d in drivers), "acknowledgements", 180)
        acked = time.monotonic() - begin
        wait(lambda: len(set(counter.topics())) >= each * sessions, "messages", 180)
        took = time.monotonic() - begin
        cpu = cluster.cpu_s() - cpu
        got = len(counter.topics())
        rss = max(cluster.rss_mb(i) for i in range(3))
    finally:
        cluster.close()
    line = (f"| {kind} | {sessions} | {each * sessions / acked:.0f} | {got / took:.0f} | "
            f"{cpu / got * 1000:.2f} | {rss:.0f} | {got - each * sessions} |")
    with open(os.path.join(house.BUILD, "fleet.txt"), "a") as f:
        f.write(line + "\n")
    assert kind == "mosquitto" or got == each * sessions, "each came once"
