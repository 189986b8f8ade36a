#pragma once

/*
 * How a camera introduces itself to Home Assistant: one device with four entities.
 *
 * The device-based form of MQTT discovery (Home Assistant 2024.11 and newer): a retained document
 * at <discovery prefix>/device/<object id>/config, which names the topics that faced writes anyway
 * - count, faces, status, enabled. An empty one takes the device away. Pure; results are to be
 * freed.
 */

/* Where the camera's document is. */
char *discovery_topic(const char *prefix, const char *node, const char *camera);

/* And the document; base is "<mqtt prefix>/<node>". */
char *discovery_payload(const char *base, const char *node, const char *camera);

/* Where Home Assistant says `online` when it has started and wants to hear all of it again. */
char *discovery_status(const char *prefix);
