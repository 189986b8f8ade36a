"""Too few broker nodes are there, or they are not there for each other: nobody is left who could
promise anything, so what the hosts have to tell waits with them, and goes out when it can."""
import time

import pytest

import brokers
from fleet import stamp, wait

KEPT = 30  # events of each host


@pytest.mark.models
@pytest.mark.parametrize("kind", ["rabbitmq", "nats"])
def test_without_a_majority_the_outboxes_keep_it(fleet_of, kind):
    fleet = fleet_of(kind)
    fleet.recovered(time.time(), "first")
    for pair in ((0, 1), (2, 0)):
        for i in pair:
            fleet.cluster.kill(i)
        dead = stamp(time.time())
        wait(lambda: all(h.waiting() >= KEPT for h in fleet.hosts), "events kept by each host")
        assert not [e for _, e in fleet.listener.events() if e["time"] > dead], "one node promised"
        for i, what in zip(pair, ("two again", "three again")):
            since = time.time()
            fleet.cluster.start(i)
            fleet.recovered(since, what, timeout=300)
    fleet.all_is_told("two of three nodes dead at once, twice")


@pytest.mark.models
@pytest.mark.parametrize("kind", list(brokers.KINDS))
def test_all_are_dead_at_once(fleet_of, kind):
    fleet = fleet_of(kind)
    fleet.recovered(time.time(), "first")
    for i in range(3):
        fleet.cluster.kill(i)
    wait(lambda: all(h.waiting() >= KEPT for h in fleet.hosts), "events kept by each host")
    since = time.time()
    fleet.cluster.start_again()
    fleet.recovered(since, "all again", timeout=300)
    fleet.all_is_told("all three nodes dead at once")


@pytest.mark.models
@pytest.mark.parametrize("kind", list(brokers.KINDS))
def test_a_node_is_parted_from_its_others(fleet_of, kind):
    """Its host reaches it all the time. A node of a cluster lets it go, or promises nothing any
    more until it is left; a bridge keeps what it has promised until it is whole again."""
    fleet = fleet_of(kind)
    host = fleet.hosts[1]
    fleet.recovered(time.time(), "first")
    fleet.cluster.part(1)
    since = time.time()
    if kind == "mosquitto":
        enough = host.made() + KEPT
        wait(lambda: host.made() >= enough and host.waiting() == 0, "events that the bridge keeps")
        assert not [e for _, e in fleet.listener.events(node=host.node) if e["time"] > stamp(since)]
    else:
        fleet.recovered(since, "parted")
    since = time.time()
    fleet.cluster.part(1, False)
    fleet.recovered(since, "whole again")
    fleet.all_is_told("a node parted from the others, not from its host")
