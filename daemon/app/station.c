#include "app/station.h"

#include "base/mono.h"

#include <jansson.h>

/* What is not UTF-8, as a camera or a library may say it, becomes "?". */
static json_t *text(const char *s)
{
    json_t *t = json_string(s);
    return t ? t : json_string("?");
}

static json_t *rounded(double value)
{
    return json_real((double)(int64_t)(value * 10 + 0.5) / 10);
}

void station_look(struct station *s, int64_t now)
{
    camera_status(s->camera, &s->status);
    lane_stats(s->lane, &s->stats);
    meter_sample(&s->frames, s->status.counts.frames, now);
    meter_sample(&s->looks, s->stats.looks, now);
    meter_sample(&s->seen, s->stats.looks + s->stats.held, now);
    meter_sample(&s->lost, s->stats.lost, now);
    hourly_add(&s->reconnects, (uint32_t)(s->status.reconnects - s->reconnects_before), now);
    hourly_add(&s->stalls, (uint32_t)(s->status.stalls - s->stalls_before), now);
    s->reconnects_before = s->status.reconnects;
    s->stalls_before = s->status.stalls;
}

void station_strain(struct station *s, struct strain_second *sum)
{
    sum->sampled += s->status.sampled - s->sampled_before;
    sum->lost += s->stats.lost - s->lost_before;
    sum->cameras += s->status.state == CAMERA_ONLINE;
    sum->late += s->status.counts.behind > s->behind_before;
    s->sampled_before = s->status.sampled;
    s->lost_before = s->stats.lost;
    s->behind_before = s->status.counts.behind;
}

/* The keys of the contract's stats. */
static json_t *camera_json(struct station *s, int64_t now)
{
    json_t *j = json_object();
    json_object_set_new(j, "state", text(camera_state_name(s->status.state)));
    json_object_set_new(j, "camera_fps", rounded(meter_rate(&s->frames)));
    json_object_set_new(j, "process_fps", rounded(meter_rate(&s->seen)));
    json_object_set_new(j, "skipped_fps", rounded(meter_rate(&s->lost)));
    json_object_set_new(j, "detection_fps", rounded(meter_rate(&s->looks)));
    json_object_set_new(j, "frames_lost", json_integer((json_int_t)s->stats.lost));
    json_object_set_new(j, "reconnects_last_hour", json_integer(hourly_sum(&s->reconnects, now)));
    json_object_set_new(j, "stalls_last_hour", json_integer(hourly_sum(&s->stalls, now)));
    return j;
}

/* And what an operator wants to know beyond them. */
static void add_details(json_t *j, const struct station *s, int64_t now)
{
    const struct camera_status *c = &s->status;
    json_object_set_new(j, "enabled", json_boolean(c->enabled));
    json_object_set_new(j, "people", json_integer(s->stats.people));
    json_object_set_new(j, "for_s", json_integer((now - c->since_us) / MONO_SECOND));
    json_object_set_new(j, "trouble", c->trouble[0] ? text(c->trouble) : json_null());
    json_object_set_new(j, "format", c->format[0] ? text(c->format) : json_null());
    json_object_set_new(j, "decoder", c->decoder[0] ? text(c->decoder) : json_null());
    json_object_set_new(
            j, "decoder_trouble", c->decoder_trouble[0] ? text(c->decoder_trouble) : json_null());
    json_object_set_new(j, "url", text(camera_conf(s->camera)->url_shown));
    json_object_set_new(j, "frames", json_integer((json_int_t)c->counts.frames));
    json_object_set_new(j, "damaged", json_integer((json_int_t)c->counts.damaged));
    json_object_set_new(j, "asleep", json_boolean(c->counts.asleep));
    json_object_set_new(j, "undecoded", json_integer((json_int_t)c->counts.undecoded));
    json_object_set_new(j, "wakes", json_integer((json_int_t)c->counts.wakes));
    json_object_set_new(j, "dropped", json_integer((json_int_t)c->counts.dropped));
    json_object_set_new(j, "late_packets", json_integer((json_int_t)c->counts.behind));
    json_object_set_new(j, "sampled", json_integer((json_int_t)c->sampled));
    json_object_set_new(j, "looks", json_integer((json_int_t)s->stats.looks));
    json_object_set_new(j, "partial", json_integer((json_int_t)s->stats.partial));
    json_object_set_new(j, "held", json_integer((json_int_t)s->stats.held));
    json_object_set_new(j, "faces", json_integer((json_int_t)s->stats.faces));
}

json_t *station_json(struct station *s, bool details, int64_t now)
{
    station_look(s, now);
    json_t *j = camera_json(s, now);
    if (details)
        add_details(j, s, now);
    return j;
}
