"""A host and its name: a database that goes on in another machine, and two machines that have one
name by mistake."""
import json
import os
import re
import time

import pytest

import brokers
from fleet import Host, wait

TAKEN = r"does another client use the id 'faced-h1'"


def exported(host, after, *epoch):
    """The rows, and what was said about them."""
    r = host.ctl("export", "--after", str(after), *epoch)
    return [json.loads(line) for line in r.stdout.splitlines()], r.stderr


@pytest.mark.models
def test_a_disk_goes_on_in_another_machine(fleet_of, net, tmp_path):
    """With what waited; for whoever listens and whoever reads the export it is the same host."""
    fleet = fleet_of("mosquitto")
    fleet.recovered(time.time(), "first")
    old = fleet.hosts[0]
    wait(lambda: exported(old, 0)[0], "somebody who left")
    rows, _ = exported(old, 0)
    epoch, last = rows[-1]["epoch"], rows[-1]["seq"]
    old.machine.cable(False)
    wait(lambda: old.waiting() >= 10, "events kept while cut off")
    new = fleet.hosts[0] = old.moved(net.machine("h4"), str(tmp_path / "h4"))
    since = time.time()
    new.start()
    fleet.recovered(since, "moved", [new])
    assert new.epoch == epoch and not new.count("damaged")
    wait(lambda: len(exported(new, last, "--epoch", epoch)[0]) >= 5, "people after the cursor")
    rows, said = exported(new, last, "--epoch", epoch)
    assert said == "" and {r["node"] for r in rows} == {"h1"}
    assert [r["seq"] for r in rows] == list(range(last + 1, last + 1 + len(rows)))
    fleet.all_is_told("a host's disk in another machine")


@pytest.mark.models
@pytest.mark.parametrize("kind", list(brokers.KINDS))
def test_two_hosts_with_one_name(fleet_of, net, tmp_path, kind):
    """Each throws the other out, again and again; log and status ask at the first time whether that
    may be. Both go on recording, and with a name of its own each tells all that it kept."""
    fleet = fleet_of(kind)
    fleet.recovered(time.time(), "first")
    one = fleet.hosts[0]
    two = Host(net.machine("h4"), os.path.join(tmp_path, "h4"), one.urls, node="h1")
    fleet.hosts.append(two)
    since = time.time()
    two.start()
    wait(lambda: one.count(TAKEN) or two.count(TAKEN), "question in a log")
    fleet.times["asked"] = [time.time() - since]
    who = one if one.count(TAKEN) else two
    who.wait_status(lambda s: any(t["who"] == "broker" and re.search(TAKEN, t["text"])
                                  for t in s["troubles"]), 120)
    wait(lambda: all(h.count("connected to the broker") >= 3 for h in (one, two)), "fight", 300)
    assert two.stop() == 0, two.text
    two.rename("h4")
    since = time.time()
    two.start()
    fleet.recovered(since, "renamed", [one, two], 300)
    wait(lambda: {r["node"] for r in two.rows()} == {"h1", "h4"}, "old rows with the old name, new "
         "ones with the new")
    fleet.all_is_told("two hosts with one node")
