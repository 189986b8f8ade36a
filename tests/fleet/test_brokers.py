"""Three brokers, three hosts: any broker node is killed and comes back, hosts are cut off for a
minute, and of what the hosts' databases hold nothing is missing at the subscriber.

FLEET_LONG=1: each host is cut off in turn, for five minutes.
"""
import os
import time

import pytest

import brokers
from fleet import wait

LONG = bool(os.environ.get("FLEET_LONG"))
CUT_S = 300 if LONG else 60


def kill_each(fleet):
    """A dead node is started again once everybody has found another way, or once the hosts that
    have no other have kept some events."""
    for i in range(3):
        since = time.time()
        fleet.cluster.kill(i)
        if fleet.cluster.kind == "mosquitto" and i == 2:
            wait(lambda: fleet.hosts[2].waiting() >= 5, "events kept without the central broker")
        else:
            fleet.recovered(since, "kill")
        since = time.time()
        fleet.cluster.start(i)
        fleet.recovered(since, "start")


def cut_off(fleet, host):
    host.machine.cable(False)
    end = time.monotonic() + CUT_S
    wait(lambda: time.monotonic() > end and host.waiting() >= 10, "events kept while cut off",
         CUT_S + 60)
    since = time.time()
    host.machine.cable(True)
    fleet.recovered(since, "cable", [host])


@pytest.mark.models
@pytest.mark.parametrize("kind", list(brokers.KINDS))
def test_nothing_is_lost(fleet_of, kind):
    fleet = fleet_of(kind)
    fleet.recovered(time.time(), "first")
    kill_each(fleet)
    for host in fleet.hosts if LONG else [fleet.hosts[list(brokers.KINDS).index(kind)]]:
        cut_off(fleet, host)
    fleet.all_is_told(f"3 nodes killed, host off {CUT_S} s")
