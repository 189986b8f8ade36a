"""Two of three broker nodes are dead at once: nobody is left who could promise anything, so what the
hosts have to tell waits with them, and goes out when a second node is there again."""
import time

import pytest

from fleet import report, stamp, wait

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
    verdict = fleet.judge()
    report(kind, "two of three nodes dead at once, twice", fleet.times, verdict)
    assert verdict["unheard"] == [], fleet.listener.heard()[-5:]
    assert not any(verdict["lost"].values()), verdict["lost"]
