#pragma once

#include "app/camera.h"
#include "app/meter.h"
#include "app/pipeline.h"
#include "sample/strain.h"

#include <stdint.h>

/*
 * One camera as it was when it was last looked at, and what can only be known by looking twice:
 * rates, and how often its connection broke in the last hour. Main only.
 */
struct station {
    struct camera *camera;
    const struct lane *lane;
    struct camera_status status;
    struct lane_stats stats;
    struct meter frames, looks, seen, lost; /* seen: looked at, or known to be as before */
    struct hourly reconnects, stalls;
    uint64_t reconnects_before, stalls_before;
    uint64_t sampled_before, lost_before, behind_before; /* as station_strain() last heard */
};

void station_look(struct station *s, int64_t mono_us);

/* Adds what became of its pictures since this was last called, as station_look() saw it. */
void station_strain(struct station *s, struct strain_second *sum);

/* The keys of the stats topic; with details what an operator wants to know beyond them. A json_t,
 * the caller's. */
struct json_t *station_json(struct station *s, bool details, int64_t mono_us);
