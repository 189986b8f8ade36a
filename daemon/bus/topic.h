#pragma once

#include "flow/settings.h"

#include <stdbool.h>

/*
 * The names under which we speak: <prefix>/<node>/..., and the one that we listen to.
 *
 * What arrives was written by anybody who may publish on the broker, so reading a topic accepts
 * exactly what the contract names and nothing like it. Pure; results are to be freed.
 */

/* MQTT allows 65535 bytes; nothing of ours comes near this. */
#define TOPIC_MAX 512

/* May be published to (MQTT 3.1.1, section 4.7): not empty, not longer than TOPIC_MAX, UTF-8
 * without control characters, no wildcard, no "$" in front, no empty level. */
bool topic_valid(const char *topic);

/* "<upper>/<below>". */
char *topic_join(const char *upper, const char *below);

/* The filter that matches every camera's enabled/set below base. */
char *topic_enabled_filter(const char *base);

/* Is it base/CAMERA/enabled/set with a camera's name as the configuration allows it? */
bool topic_is_enabled_set(const char *base, const char *topic, char ret_camera[NAME_SIZE]);

/* The payload of that topic: exactly ON or OFF. */
bool topic_on_off(const void *payload, size_t size, bool *ret_on);
