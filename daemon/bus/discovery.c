#include "bus/discovery.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdlib.h>

/* Everything else than `online` - `offline`, `disabled` - is not. */
#define ONLINE "{{ 'online' if value == 'online' else 'offline' }}"

/* What is not known is said to be: a template must not fail for it. */
#define PERSON                                                                                     \
    "{{ (value_json.gender.value or 'unknown') ~ ' ' ~ (value_json.age.range or 'of unknown "      \
    "age') }}"

char *discovery_topic(const char *prefix, const char *node, const char *camera)
{
    return mem_format("%s/device/faced_%s_%s/config", prefix, node, camera);
}

char *discovery_status(const char *prefix)
{
    return mem_format("%s/status", prefix);
}

/* Both with this between them, as JSON. */
static json_t *joined(const char *a, const char *between, const char *b)
{
    char *s = mem_format("%s%s%s", a, between, b);
    json_t *j = json_string(s);
    free(s);
    return j;
}

/* An entity with what all of them have; name is what people read below the device's. */
static json_t *entity(const char *platform, const char *id, const char *what, const char *name)
{
    return json_pack("{s:s, s:o, s:s}", "platform", platform, "unique_id", joined(id, "_", what),
            "name", name);
}

static void set_text(json_t *j, const char *key, const char *value)
{
    json_object_set_new(j, key, json_string(value));
}

static json_t *people(const char *id, const char *topic)
{
    json_t *j = entity("sensor", id, "people", "People in view");
    json_object_set_new(j, "state_topic", joined(topic, "/", "count"));
    set_text(j, "state_class", "measurement");
    set_text(j, "unit_of_measurement", "people");
    set_text(j, "icon", "mdi:account-group");
    return j;
}

static json_t *last_person(const char *id, const char *topic)
{
    json_t *j = entity("sensor", id, "person", "Last person");
    json_object_set_new(j, "state_topic", joined(topic, "/", "faces"));
    set_text(j, "value_template", PERSON);
    json_object_set_new(j, "json_attributes_topic", joined(topic, "/", "faces"));
    set_text(j, "icon", "mdi:account");
    return j;
}

static json_t *status(const char *id, const char *topic)
{
    json_t *j = entity("binary_sensor", id, "status", "Status");
    json_object_set_new(j, "state_topic", joined(topic, "/", "status"));
    set_text(j, "value_template", ONLINE);
    set_text(j, "payload_on", "online");
    set_text(j, "payload_off", "offline");
    set_text(j, "device_class", "connectivity");
    set_text(j, "entity_category", "diagnostic");
    return j;
}

static json_t *enabled(const char *id, const char *topic)
{
    json_t *j = entity("switch", id, "enabled", "Watch");
    json_object_set_new(j, "command_topic", joined(topic, "/", "enabled/set"));
    json_object_set_new(j, "state_topic", joined(topic, "/", "enabled/state"));
    set_text(j, "payload_on", "ON");
    set_text(j, "payload_off", "OFF");
    set_text(j, "icon", "mdi:cctv");
    return j;
}

static json_t *availability(const char *topic)
{
    return json_pack("{s:o, s:s, s:s}", "topic", joined(topic, "/", "status"), "payload_available",
            "online", "payload_not_available", "offline");
}

char *discovery_payload(const char *base, const char *node, const char *camera)
{
    char *id = mem_format("faced_%s_%s", node, camera);
    char *topic = mem_format("%s/%s", base, camera);
    json_t *j = json_object();
    json_object_set_new(j, "device",
            json_pack("{s:[s], s:o, s:s, s:s, s:s}", "identifiers", id, "name",
                    joined(node, " ", camera), "manufacturer", "faced", "model", "Camera",
                    "sw_version", FACED_VERSION));
    json_object_set_new(
            j, "origin", json_pack("{s:s, s:s}", "name", "faced", "sw_version", FACED_VERSION));

    json_t *count = people(id, topic);
    json_t *seen = json_array(), *camera_seen = availability(topic);
    set_text(camera_seen, "value_template", ONLINE);
    json_array_append_new(seen, availability(base));
    json_array_append_new(seen, camera_seen);
    /* A camera that sees nobody and one that does not see are not the same. */
    json_object_set_new(count, "availability", seen);
    set_text(count, "availability_mode", "all");

    json_object_set_new(j, "components",
            json_pack("{s:o, s:o, s:o, s:o}", "people", count, "person", last_person(id, topic),
                    "status", status(id, topic), "enabled", enabled(id, topic)));
    json_object_set_new(j, "availability", json_pack("[o]", availability(base)));
    json_object_set_new(j, "qos", json_integer(1));
    char *payload = mem_check(json_dumps(j, JSON_COMPACT));
    json_decref(j);
    free(topic);
    free(id);
    return payload;
}
