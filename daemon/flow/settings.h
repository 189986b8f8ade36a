#pragma once

#include "flow/polygon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The effective configuration as plain values: every default filled in, every secret resolved.
 *
 * Made by conf_load(), read by everybody, changed by nobody; passed down by pointer, so that no
 * room looks a key up by its name. The URLs and the password here are the real ones: what is
 * shown anywhere goes through redact_text() (the log does so by itself) or uses url_shown.
 */
#define NAME_SIZE    33 /* names match [a-z0-9_-]{1,32} */
#define HWACCEL_SIZE 128

enum transport {
    TRANSPORT_TCP,
    TRANSPORT_UDP,
};

enum pace {
    PACE_REAL, /* a file plays at its own speed, like a camera */
    PACE_MAX,  /* as fast as every sampled frame can be analysed */
};

enum decoding {
    DECODE_AUTO,      /* what may matter */
    DECODE_ALL,       /* every picture */
    DECODE_KEYFRAMES, /* key frames, and no others */
};

enum isolation {
    ISOLATION_PROCESS, /* a camera is decoded in a process of its own */
    ISOLATION_THREAD,  /* in a thread of the daemon's */
};

enum tiling {
    TILING_OFF,  /* a picture is looked at as a whole */
    TILING_AUTO, /* and in tiles, where min_face asks for it */
};

struct conf_camera {
    char name[NAME_SIZE];
    char *url;       /* a URL, a file's path, or /dev/videoN */
    char *url_shown; /* redacted */
    double fps;      /* sampling rate */
    enum transport transport;
    enum pace pace;
    enum decoding decode;
    enum isolation isolation;
    char hwaccel[HWACCEL_SIZE]; /* what decodes, see source/hardware.h; "", "none": software */
    bool loop;
    bool enabled;
    int min_face, max_face; /* width in pixels of the full picture; 0: no limit */
    /* By the centre of a face: where it counts (none: everywhere), and where never. */
    struct polygons zones, masks;
    enum tiling tiles;
};

struct conf_track {
    int confirm;     /* detections that make a person of a track */
    int64_t lost_us; /* looked for and not found for so long: gone */
};

enum mqtt_version {
    MQTT_AUTO, /* what the broker speaks, 5 if it can */
    MQTT_5,
    MQTT_3_1_1,
};

struct conf_broker {
    char *host;
    int port;
    bool tls;        /* mqtts:// */
    char *url_shown; /* redacted */
};

struct conf_mqtt {
    bool configured; /* without an mqtt section nothing is put into the outbox */
    bool listed;     /* by `urls`, not by `url` */
    int n_brokers;   /* tried in this order */
    struct conf_broker *brokers;
    enum mqtt_version version;
    char *ca_file, *cert_file, *key_file; /* NULL: none */
    char *prefix;
    char *username, *password; /* NULL: none */
    char *client_id;
    bool discovery; /* by Home Assistant */
    char *discovery_prefix;
    int64_t outbox_age_us;
    int64_t outbox_size;          /* bytes */
    int64_t camera_down_after_us; /* shorter absences are not announced */
};

struct conf_http {
    char *listen;               /* ADDRESS:PORT; NULL: no port is opened */
    char *names;                /* by which browsers may call it, with commas; NULL: localhost */
    char *password_file;        /* what `facectl passwd` wrote */
    char *cert_file, *key_file; /* NULL: no TLS */
    bool live, photo;           /* the live view, the page for pictures */
    bool blur;                  /* every face in every picture that leaves the process */
};

struct conf {
    int holders; /* see conf_hold() */
    char *file;  /* where it was read from */
    char node[NAME_SIZE];
    char *control; /* the control socket's path */
    char *secrets_dir;
    struct {
        char *path;
        int64_t retention_us; /* 0: for ever */
        int64_t max_size;     /* bytes; 0: no bound */
        bool observations;
    } database;
    struct {
        bool store_crops; /* a picture of each person's face */
        int64_t crops_retention_us;
        bool aggregate_only; /* sums, and nothing about anybody */
    } privacy;
    struct conf_mqtt mqtt;
    struct conf_http http;
    struct {
        char *dir;
        char detector[NAME_SIZE], attributes[NAME_SIZE]; /* names of model cards */
    } models;
    double certainty; /* attributes.certainty */
    struct conf_track track;
    int workers; /* at least 1: 0 in the file has become a number by the cores */
    int n_cameras;
    struct conf_camera *cameras;
};
