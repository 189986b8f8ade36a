"""Home Assistant: each camera is one device, by its published rules, and goes with the camera."""
import json
import os
import sys

import jinja2
import paho.mqtt.publish as publish
import pytest

import house

sys.path.insert(0, os.path.join(house.TOP, "tests/tools"))
import ha_rules  # noqa: E402

pytestmark = pytest.mark.models
ON = 'discovery = true; camera_down_after = "0s";'


def document(subscriber, camera, n=1, prefix="homeassistant"):
    topic = f"{prefix}/device/faced_test_{camera}/config"
    subscriber.wait(lambda ms: sum(t == topic and p != "" for t, p, _ in ms) >= n,
                    f"{n} documents of {camera}")
    return topic, json.loads([p for t, p, _ in subscriber.messages if t == topic and p][-1])


def render(template, payload):
    """As Home Assistant does: `value` is the text, `value_json` what it means."""
    try:
        value_json = json.loads(payload)
    except ValueError:
        value_json = None
    env = jinja2.Environment(undefined=jinja2.StrictUndefined)
    return env.from_string(template).render(value=payload, value_json=value_json)


def test_a_camera_is_one_device(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {
        "room": {"url": house.media_of("classroom"), "pace": "max"},
        "hall": house.clip("black.mkv")}, broker.port, mqtt_keys=ON))
    ids = set()
    for camera in ("room", "hall"):
        topic, doc = document(subscriber, camera)
        assert ha_rules.check(topic, doc) == []
        ids |= {e["unique_id"] for e in doc["components"].values()}
        assert doc["device"]["identifiers"] == [f"faced_test_{camera}"]
    assert len(ids) == 8, "no two entities share an id"

    # Every topic that it names is one that faced writes, and every value one that it expects.
    topic, doc = document(subscriber, "room")
    entities = doc["components"]
    subscriber.wait_events("end", 4)
    events = [p for t, p, _ in subscriber.messages if t == entities["person"]["state_topic"]]
    people = {render(entities["person"]["value_template"], p) for p in events}
    assert people and all(" " in p and "None" not in p for p in people)
    assert any(p.split(" ")[0] in ("male", "female", "unknown") for p in people)
    states = [p for t, p, _ in subscriber.messages if t == entities["status"]["state_topic"]]
    assert states and set(states) <= {"online", "offline"}
    shown = {render(entities["status"]["value_template"], p)
             for p in ("online", "offline", "disabled")}
    assert shown == {entities["status"]["payload_on"], entities["status"]["payload_off"]}
    counts = [p for t, p, _ in subscriber.messages if t == entities["people"]["state_topic"]]
    assert counts and all(p.isdigit() for p in counts)
    publish.single(entities["enabled"]["command_topic"], entities["enabled"]["payload_off"], qos=1,
                   hostname="127.0.0.1", port=broker.port)
    subscriber.wait(lambda ms: any(t == entities["enabled"]["state_topic"] and
                                   p == entities["enabled"]["payload_off"] for t, p, _ in ms),
                    "the switch's state")
    assert daemon.stop() == 0


def test_what_is_unknown_has_words():
    """An event in which nothing is said for sure, through the template of the document."""
    out = os.path.join(house.TOP, "daemon/bus/discovery.c")
    text = open(out).read()
    template = "".join(x.strip().strip('"') for x in
                       text.split("#define PERSON")[1].split("\n\n")[0].replace("\\", "").split("\n"))
    event = {"gender": {"value": None}, "age": {"range": None}}
    assert render(template, json.dumps(event)) == "unknown of unknown age"
    event = {"gender": {"value": "female"}, "age": {"range": "25-32"}}
    assert render(template, json.dumps(event)) == "female 25-32"


def test_again_when_home_assistant_starts_and_gone_with_the_camera(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    cameras = {"a": house.clip("black.mkv"), "b": house.clip("black.mkv")}
    daemon = running(house.Daemon(tmp_path, cameras, broker.port, mqtt_keys=ON))
    document(subscriber, "a")
    document(subscriber, "b")
    publish.single("homeassistant/status", "online", qos=1, hostname="127.0.0.1",
                   port=broker.port)
    document(subscriber, "a", 2)
    document(subscriber, "b", 2)

    daemon.configure({"a": cameras["a"]}, broker.port, mqtt_keys=ON)
    daemon.reload()
    subscriber.wait_topic("homeassistant/device/faced_test_b/config", "")
    late = running(house.Subscriber(broker.port))
    document(late, "a")
    assert late.last("faced_test_b/config") is None

    assert daemon.stop() == 0  # and a camera that goes while faced is down
    daemon.configure({"b": cameras["b"]}, broker.port, mqtt_keys=ON)
    daemon.start()
    subscriber.wait_topic("homeassistant/device/faced_test_a/config", "")

    daemon.configure({"b": cameras["b"]}, broker.port, mqtt_keys='camera_down_after = "0s";')
    daemon.reload()
    subscriber.wait_topic("homeassistant/device/faced_test_b/config", "", 2)
    assert daemon.stop() == 0


def test_another_prefix_and_none(running, tmp_path, broker):
    subscriber = running(house.Subscriber(broker.port))
    daemon = running(house.Daemon(tmp_path, {"a": house.clip("black.mkv")}, broker.port))
    subscriber.wait_topic("/a/status", "online")
    assert not any(t.startswith("homeassistant/") for t, _, _ in subscriber.messages)
    daemon.configure({"a": house.clip("black.mkv")}, broker.port,
                     mqtt_keys=ON + 'discovery_prefix = "ha"; prefix = "eyes/cctv";')
    daemon.reload()
    topic, doc = document(subscriber, "a", prefix="ha")
    assert ha_rules.check(topic, doc, "ha") == []
    assert doc["components"]["people"]["state_topic"] == "eyes/cctv/test/a/count"
    assert daemon.stop() == 0
