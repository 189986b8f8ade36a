"""What each kind of cluster carries and what it does not is what docs/fleet.md says."""
import json
import os

import pytest

import brokers
import house

ALL = {"mqtt_5": False, "qos_2": 1, "crosses": True, "commands": True, "retained": True,
       "retained_back": True, "takeover": True, "session": True, "will": True}
CARRIES = {
    # Bridges carry messages and their retained state to the centre; sessions are each broker's own.
    "mosquitto": {**ALL, "mqtt_5": True, "qos_2": 2, "retained_back": False, "takeover": False,
                  "session": False},
    "rabbitmq": {**ALL, "retained": False, "retained_back": False},
    "nats": ALL,
}
HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.parametrize("kind", list(brokers.KINDS))
def test_what_a_cluster_carries(net, tmp_path, running, kind):
    cluster = brokers.KINDS[kind](net, str(tmp_path))
    desk = net.machine("desk")
    try:
        cluster.start_all()
        a, b = cluster.nodes[0].ip, cluster.nodes[2].ip  # of mosquitto's: a site, the centre
        p = running(house.Process(desk.run(["/usr/bin/python3", os.path.join(HERE, "carries.py"),
                                            a, b])))
        found = json.loads(p.wait_line(r"^(\{.*\})$", timeout=120).group(1))
    finally:
        cluster.close()
    assert found == CARRIES[kind]
