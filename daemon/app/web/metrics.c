#include "app/web/metrics.h"

#include "base/mem.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum source {
    OF_ALL,    /* a number of the document */
    OF_CAMERA, /* of each camera */
};

static const struct metric {
    const char *name, *type, *help;
    enum source source;
    const char *path; /* keys with dots */
    double unit;
} metrics[] = {
        {"faced_uptime_seconds", "gauge", "Since the start.", OF_ALL, "uptime_s", 1},
        {"faced_resident_memory_bytes", "gauge", "Memory in use.", OF_ALL, "rss_bytes", 1},
        {"faced_frames_alive", "gauge", "Decoded pictures in memory.", OF_ALL, "frames_alive", 1},
        {"faced_frame_bytes", "gauge", "Memory of these.", OF_ALL, "frame_bytes", 1},
        {"faced_looks_total", "counter", "Pictures that the detector saw.", OF_ALL, "models.looks",
                1},
        {"faced_estimates_total", "counter", "Faces that were classified.", OF_ALL,
                "models.estimates", 1},
        {"faced_inference_seconds", "gauge", "Mean time of the detector for a picture.", OF_ALL,
                "inference_ms", 1e-3},
        {"faced_overload", "gauge", "1 while there is more to do than this host can.", OF_ALL,
                "overload.active", 1},
        {"faced_overload_share", "gauge", "Share of the pictures that cameras may have looked at.",
                OF_ALL, "overload.share", 1},
        {"faced_overload_key_frames_only", "gauge", "1 while empty rooms have no other decoded.",
                OF_ALL, "overload.key_frames_only", 1},
        {"faced_outbox_messages", "gauge", "Messages that the broker has not acknowledged.", OF_ALL,
                "outbox_waiting", 1},
        {"faced_records_lost_total", "counter", "Records that could not be kept.", OF_ALL,
                "records_lost", 1},
        {"faced_broker_connected", "gauge", "1 while the broker is there.", OF_ALL,
                "broker.connected", 1},
        {"faced_messages_sent_total", "counter", "Messages sent to the broker.", OF_ALL,
                "broker.sent", 1},
        {"faced_messages_acknowledged_total", "counter", "Messages that it has acknowledged.",
                OF_ALL, "broker.acknowledged", 1},
        {"faced_camera_people", "gauge", "People in view.", OF_CAMERA, "people", 1},
        {"faced_camera_enabled", "gauge", "1 unless it is switched off.", OF_CAMERA, "enabled", 1},
        {"faced_camera_frames_total", "counter", "Pictures decoded and whole.", OF_CAMERA, "frames",
                1},
        {"faced_camera_damaged_frames_total", "counter", "Pictures decoded and held back.",
                OF_CAMERA, "damaged", 1},
        {"faced_camera_sampled_frames_total", "counter", "Pictures chosen to be looked at.",
                OF_CAMERA, "sampled", 1},
        {"faced_camera_lost_frames_total", "counter", "Of these, replaced by newer ones.",
                OF_CAMERA, "frames_lost", 1},
        {"faced_camera_dropped_frames_total", "counter",
                "Pictures given up before that, for want of time.", OF_CAMERA, "dropped", 1},
        {"faced_camera_late_packets_total", "counter", "Packets that waited unread for too long.",
                OF_CAMERA, "late_packets", 1},
        {"faced_camera_looks_total", "counter", "Of these, seen by the detector.", OF_CAMERA,
                "looks", 1},
        {"faced_camera_faces_total", "counter", "Faces found in them.", OF_CAMERA, "faces", 1},
        {"faced_camera_frames_per_second", "gauge", "The camera's rate just now.", OF_CAMERA,
                "camera_fps", 1},
        {"faced_camera_looks_per_second", "gauge", "Ours just now.", OF_CAMERA, "process_fps", 1},
};

static const json_t *at(const json_t *object, const char *path)
{
    char key[64];
    while (path && object) {
        size_t n = strcspn(path, ".");
        (void)snprintf(key, sizeof(key), "%.*s", (int)n, path);
        object = json_object_get(object, key);
        path = path[n] ? path + n + 1 : NULL;
    }
    return object;
}

static bool number(const json_t *value, double *ret)
{
    if (json_is_boolean(value))
        *ret = json_is_true(value);
    else if (json_is_number(value))
        *ret = json_number_value(value);
    else
        return false;
    return true;
}

static void head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Names of cameras are [a-z0-9_-]: nothing is to be escaped. */
static void print(FILE *to, const struct metric *m, const json_t *status)
{
    const char *camera;
    json_t *of;
    double v;
    if (m->source == OF_ALL) {
        if (!number(at(status, m->path), &v))
            return;
        head(to, m->name, m->type, m->help);
        fprintf(to, "%s %.15g\n", m->name, v * m->unit);
        return;
    }
    head(to, m->name, m->type, m->help);
    json_object_foreach(json_object_get(status, "cameras"), camera, of)
    {
        if (number(at(of, m->path), &v))
            fprintf(to, "%s{camera=\"%s\"} %.15g\n", m->name, camera, v * m->unit);
    }
}

static void print_states(FILE *to, const json_t *status)
{
    const char *camera;
    json_t *of;
    head(to, "faced_camera_state", "gauge", "1 for the state that the camera is in.");
    json_object_foreach(json_object_get(status, "cameras"), camera, of)
    {
        const char *state = json_string_value(json_object_get(of, "state"));
        if (state)
            fprintf(to, "faced_camera_state{camera=\"%s\",state=\"%s\"} 1\n", camera, state);
    }
}

char *metrics_text(const struct json_t *status)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = mem_check(open_memstream(&text, &n));
    const char *version = json_string_value(json_object_get(status, "version"));
    head(to, "faced_build_info", "gauge", "Its version, as a label.");
    fprintf(to, "faced_build_info{version=\"%s\"} 1\n", version ? version : "");
    for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
        print(to, &metrics[i], status);
    print_states(to, status);
    (void)fclose(to);
    return mem_check(text);
}
