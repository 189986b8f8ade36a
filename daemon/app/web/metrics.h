#pragma once

struct json_t;

/*
 * The status document as Prometheus reads it (text exposition format 0.0.4). Pure.
 *
 * Names are faced_WHAT_UNIT, counters end in _total, and a camera is a label. To be freed.
 */
char *metrics_text(const struct json_t *status);
