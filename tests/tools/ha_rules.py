"""Home Assistant's published rules for MQTT device discovery, as far as they concern us: what a
device's document must and may hold, for each platform that we use. check() returns what is wrong.

Written after the documentation of its MQTT integration and of the platforms sensor, binary_sensor
and switch (home-assistant.io/integrations/mqtt, .../sensor.mqtt, .../binary_sensor.mqtt,
.../switch.mqtt): option names, which are required, which exclude each other, and allowed values.
"""
import re

COMMON = {"platform", "unique_id", "name", "availability", "availability_mode",
          "availability_topic", "availability_template", "payload_available",
          "payload_not_available", "device_class", "default_entity_id", "enabled_by_default",
          "encoding", "entity_category", "entity_picture", "icon", "json_attributes_template",
          "json_attributes_topic", "qos"}
PLATFORMS = {
    "sensor": ({"state_topic"}, {"expire_after", "force_update", "last_reset_value_template",
                                 "options", "suggested_display_precision", "state_class",
                                 "unit_of_measurement", "value_template"}),
    "binary_sensor": ({"state_topic"}, {"expire_after", "force_update", "off_delay",
                                        "payload_off", "payload_on", "value_template"}),
    "switch": ({"command_topic"}, {"command_template", "optimistic", "payload_off", "payload_on",
                                   "retain", "state_off", "state_on", "state_topic",
                                   "value_template"}),
}
DEVICE = {"configuration_url", "connections", "hw_version", "identifiers", "manufacturer", "model",
          "model_id", "name", "serial_number", "suggested_area", "sw_version", "via_device"}
ROOT = {"device", "origin", "components", "availability", "availability_mode",
        "availability_topic", "availability_template", "payload_available",
        "payload_not_available", "command_topic", "state_topic", "qos", "encoding"}
AVAILABILITY = {"topic", "payload_available", "payload_not_available", "value_template"}
STATE_CLASSES = {"measurement", "measurement_angle", "total", "total_increasing"}
BINARY_CLASSES = {"connectivity", "motion", "occupancy", "presence", "problem", "running"}


def check_topic(topic, name, wrong):
    if not isinstance(topic, str) or not topic or re.search(r"[+#\0]", topic):
        wrong.append(f"{name}: no topic to publish to: {topic!r}")


def check_availability(holder, name, wrong):
    entries = holder.get("availability", [])
    if "availability" in holder and "availability_topic" in holder:
        wrong.append(f"{name}: availability and availability_topic exclude each other")
    if not isinstance(entries, list):
        wrong.append(f"{name}: availability is a list")
        return
    for e in entries:
        check_topic(e.get("topic"), f"{name}.availability", wrong)
        wrong += [f"{name}.availability: {k}" for k in set(e) - AVAILABILITY]
    if holder.get("availability_mode", "latest") not in ("all", "any", "latest"):
        wrong.append(f"{name}: availability_mode {holder['availability_mode']}")


def check_entity(name, e, ids, wrong):
    platform = e.get("platform")
    if platform not in PLATFORMS:
        wrong.append(f"{name}: platform {platform!r}")
        return
    required, optional = PLATFORMS[platform]
    wrong += [f"{name}: {k} is required" for k in (required | {"unique_id"}) - set(e)]
    wrong += [f"{name}: {k} is no option of {platform}" for k in
              set(e) - COMMON - required - optional]
    if e.get("unique_id") in ids:
        wrong.append(f"{name}: unique_id is taken")
    ids.add(e.get("unique_id"))
    for k in e:
        if k.endswith("_topic"):
            check_topic(e[k], f"{name}.{k}", wrong)
    if e.get("entity_category", "diagnostic") not in ("config", "diagnostic"):
        wrong.append(f"{name}: entity_category {e['entity_category']}")
    if platform != "switch" and e.get("entity_category") == "config":
        wrong.append(f"{name}: a sensor is not for configuration")
    if e.get("state_class", "measurement") not in STATE_CLASSES:
        wrong.append(f"{name}: state_class {e['state_class']}")
    if platform == "binary_sensor" and e.get("device_class", "motion") not in BINARY_CLASSES:
        wrong.append(f"{name}: device_class {e['device_class']}")
    if "icon" in e and not e["icon"].startswith("mdi:"):
        wrong.append(f"{name}: icon {e['icon']}")
    check_availability(e, name, wrong)


def check(topic, document, prefix="homeassistant"):
    wrong = []
    m = re.fullmatch(rf"{re.escape(prefix)}/device/([a-zA-Z0-9_-]+)/config", topic)
    if not m:
        wrong.append(f"the topic is {topic}")
    wrong += [f"{k} is no shared option" for k in set(document) - ROOT]
    if not document.get("origin", {}).get("name"):
        wrong.append("origin.name is required")
    wrong += [f"origin.{k}" for k in set(document.get("origin", {})) -
              {"name", "sw_version", "support_url"}]
    device = document.get("device", {})
    if not device.get("identifiers") and not device.get("connections"):
        wrong.append("a device has identifiers or connections")
    wrong += [f"device.{k}" for k in set(device) - DEVICE]
    if document.get("qos", 0) not in (0, 1, 2):
        wrong.append("qos")
    check_availability(document, "device", wrong)
    if not document.get("components"):
        wrong.append("components are required")
    ids = set()
    for name, e in document.get("components", {}).items():
        check_entity(name, e, ids, wrong)
    return wrong
