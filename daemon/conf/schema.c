#include "conf/schema.h"

#include "base/when.h"
#include "conf/value.h"
#include "flow/settings.h"

#include <stdio.h>
#include <string.h>

#define MINUTE           60e6
#define DAY              86400e6
#define LONGEST          32 /* characters of a key that suggestions are made for */

#define IN(field)        offsetof(struct conf, field)
#define IN_CAMERA(field) offsetof(struct conf_camera, field)

static const char *const transports[] = {
        [TRANSPORT_TCP] = "tcp",
        [TRANSPORT_UDP] = "udp",
        NULL,
};
static const char *const versions[] = {
        [MQTT_AUTO] = "auto",
        [MQTT_5] = "5",
        [MQTT_3_1_1] = "3.1.1",
        NULL,
};
static const char *const tilings[] = {
        [TILING_OFF] = "off",
        [TILING_AUTO] = "auto",
        NULL,
};
static const char *const decodings[] = {
        [DECODE_AUTO] = "auto",
        [DECODE_ALL] = "all",
        [DECODE_KEYFRAMES] = "keyframes",
        NULL,
};
static const char *const isolations[] = {
        [ISOLATION_PROCESS] = "process",
        [ISOLATION_THREAD] = "thread",
        NULL,
};
static const char *const paces[] = {
        [PACE_REAL] = "real",
        [PACE_MAX] = "max",
        NULL,
};

/* clang-format off */
const struct conf_key conf_keys[] = {
    {.path = "node", .type = KEY_NAME, .offset = IN(node),
     .computed = "the host's short name",
     .fixed = "it stands in every topic and row",
     .meaning = "This machine's name in topics and rows."},
    {.path = "control", .type = KEY_PATH, .min = 1, .max = 107, .offset = IN(control),
     .computed = "control.sock in $RUNTIME_DIRECTORY, else in /run/faced",
     .fixed = "facectl would look for this daemon elsewhere",
     .meaning = "The control socket, for facectl."},
    {.path = "secrets_dir", .type = KEY_PATH, .min = 1, .max = 4095, .offset = IN(secrets_dir),
     .fallback = "/etc/faced/secrets",
     .meaning = "Where ${file:NAME} is looked for, after $CREDENTIALS_DIRECTORY."},

    {.path = "database.path", .type = KEY_PATH, .min = 1, .max = 4095,
     .offset = IN(database.path), .fallback = "/var/lib/faced/faced.db",
     .fixed = "open records and waiting messages are in the present one",
     .meaning = "The database file."},
    {.path = "database.retention", .type = KEY_DURATION, .min = MINUTE, .max = 36500 * DAY,
     .offset = IN(database.retention_us), .fallback = "90d", .flags = KEY_OR_NONE,
     .meaning = "How long records are kept after their person left; \"0s\": for ever."},
    {.path = "database.max_size", .type = KEY_SIZE, .min = 16777216, .max = 1099511627776.0,
     .offset = IN(database.max_size), .fallback = "2G", .flags = KEY_OR_NONE,
     .meaning = "When the database holds more the oldest records go; \"0\": no bound."},
    {.path = "database.observations", .type = KEY_BOOL, .offset = IN(database.observations),
     .fallback = "false",
     .meaning = "Also keep each sampled sighting, not only one row for each person."},

    {.path = "privacy.store_crops", .type = KEY_BOOL, .offset = IN(privacy.store_crops),
     .fallback = "false",
     .meaning = "Keep one picture of each person's face beside the database."},
    {.path = "privacy.crops_retention", .type = KEY_DURATION, .min = MINUTE, .max = 3650 * DAY,
     .offset = IN(privacy.crops_retention_us), .fallback = "7d",
     .meaning = "How long these pictures are kept."},
    {.path = "privacy.aggregate_only", .type = KEY_BOOL, .offset = IN(privacy.aggregate_only),
     .fallback = "false",
     .fixed = "the records that are open would be half kept",
     .meaning = "Keep sums by quarter of an hour, and no row or message about anybody."},

    {.path = "mqtt.url", .type = KEY_BROKER, .offset = IN(mqtt),
     .meaning = "The broker, mqtt://HOST[:PORT], or mqtts:// over TLS; port 1883, over TLS 8883."},
    {.path = "mqtt.urls", .type = KEY_BROKERS, .offset = IN(mqtt),
     .meaning = "Instead of url, several: tried in this order, again and again."},
    {.path = "mqtt.version", .type = KEY_ENUM, .words = versions, .offset = IN(mqtt.version),
     .fallback = "auto",
     .meaning = "MQTT's version: 5, 3.1.1, or auto for 5 where the broker speaks it."},
    {.path = "mqtt.ca_file", .type = KEY_PATH, .min = 1, .max = 4095, .offset = IN(mqtt.ca_file),
     .computed = "the system's",
     .meaning = "The authorities that may have signed the broker's certificate."},
    {.path = "mqtt.cert_file", .type = KEY_PATH, .min = 1, .max = 4095,
     .offset = IN(mqtt.cert_file),
     .meaning = "This client's certificate, for a broker that wants one."},
    {.path = "mqtt.key_file", .type = KEY_PATH, .min = 1, .max = 4095, .offset = IN(mqtt.key_file),
     .meaning = "The key that belongs to cert_file."},
    {.path = "mqtt.prefix", .type = KEY_TOPIC, .min = 1, .max = 128, .offset = IN(mqtt.prefix),
     .fallback = "faced",
     .meaning = "What all topics begin with."},
    {.path = "mqtt.username", .type = KEY_STRING, .min = 1, .max = 1024,
     .offset = IN(mqtt.username),
     .meaning = "User name at the broker."},
    {.path = "mqtt.password", .type = KEY_STRING, .min = 1, .max = 4096,
     .offset = IN(mqtt.password), .flags = KEY_HIDDEN,
     .meaning = "Password at the broker; better as ${file:NAME} than written here."},
    {.path = "mqtt.client_id", .type = KEY_STRING, .min = 1, .max = 128,
     .offset = IN(mqtt.client_id), .computed = "faced-NODE",
     .meaning = "This client's name at the broker, which no other client may have."},
    {.path = "mqtt.discovery", .type = KEY_BOOL, .offset = IN(mqtt.discovery),
     .fallback = "false",
     .meaning = "Introduce each camera to Home Assistant as a device."},
    {.path = "mqtt.discovery_prefix", .type = KEY_TOPIC, .min = 1, .max = 128,
     .offset = IN(mqtt.discovery_prefix), .fallback = "homeassistant",
     .meaning = "Where Home Assistant looks for devices."},
    {.path = "mqtt.outbox_age", .type = KEY_DURATION, .min = MINUTE, .max = 3650 * DAY,
     .offset = IN(mqtt.outbox_age_us), .fallback = "30d",
     .meaning = "How long messages wait for a broker that is away; older ones are dropped."},
    {.path = "mqtt.outbox_size", .type = KEY_SIZE, .min = 65536, .max = 1099511627776.0,
     .offset = IN(mqtt.outbox_size), .fallback = "1G",
     .meaning = "How much may wait; when it is more, the oldest are dropped."},
    {.path = "mqtt.camera_down_after", .type = KEY_DURATION, .min = 0, .max = DAY,
     .offset = IN(mqtt.camera_down_after_us), .fallback = "30s",
     .meaning = "A camera away for less is not announced as offline."},

    {.path = "http.listen", .type = KEY_LISTEN, .min = 1, .max = 64, .offset = IN(http.listen),
     .meaning = "Where the web page is, ADDRESS:PORT; beyond loopback only with a password."},
    {.path = "http.live", .type = KEY_BOOL, .offset = IN(http.live), .fallback = "true",
     .meaning = "Show what the cameras see."},
    {.path = "http.photo", .type = KEY_BOOL, .offset = IN(http.photo), .fallback = "true",
     .meaning = "Look at pictures that a visitor of the page brings."},
    {.path = "http.blur", .type = KEY_BOOL, .offset = IN(http.blur), .fallback = "false",
     .meaning = "Make every face unrecognisable in every picture that leaves the process."},
    {.path = "http.names", .type = KEY_STRING, .min = 1, .max = 1024, .offset = IN(http.names),
     .meaning = "Names by which browsers may call it beside localhost, with commas."},
    {.path = "http.password_file", .type = KEY_PATH, .min = 1, .max = 4095,
     .offset = IN(http.password_file), .computed = "http-password in secrets_dir",
     .meaning = "The password's hash, which facectl passwd writes."},
    {.path = "http.cert_file", .type = KEY_PATH, .min = 1, .max = 4095,
     .offset = IN(http.cert_file),
     .meaning = "The page's certificate, for https."},
    {.path = "http.key_file", .type = KEY_PATH, .min = 1, .max = 4095, .offset = IN(http.key_file),
     .meaning = "The key that belongs to cert_file."},

    {.path = "models.dir", .type = KEY_PATH, .min = 1, .max = 4095, .offset = IN(models.dir),
     .fallback = "/usr/share/faced/models",
     .meaning = "Where models and their cards are; $FACED_MODELS overrides it."},
    {.path = "models.detector", .type = KEY_NAME, .offset = IN(models.detector),
     .fallback = "yunet",
     .meaning = "The model card that finds faces."},
    {.path = "models.attributes", .type = KEY_NAME, .offset = IN(models.attributes),
     .fallback = "combined",
     .meaning = "The model card that estimates age and gender."},

    {.path = "attributes.certainty", .type = KEY_FLOAT, .min = 0.5, .max = 0.999,
     .offset = IN(certainty), .fallback = "0.8",
     .meaning = "How sure an answer must be to be given, as a probability."},

    {.path = "track.confirm", .type = KEY_INT, .min = 1, .max = 30, .offset = IN(track.confirm),
     .fallback = "3",
     .meaning = "Detections within a second that make a person."},
    {.path = "track.lost", .type = KEY_DURATION, .min = 500e3, .max = MINUTE,
     .offset = IN(track.lost_us), .fallback = "3s",
     .meaning = "Not found for so long: the person is gone."},

    {.path = "pipeline.workers", .type = KEY_INT, .min = 0, .max = 64, .offset = IN(workers),
     .fallback = "0",
     .meaning = "Threads that look for faces; 0: as many as there are cores, at most 8."},

    {.path = "cameras.name", .type = KEY_NAME, .offset = IN_CAMERA(name),
     .flags = KEY_REQUIRED | KEY_OWN,
     .meaning = "The camera's name in topics and rows."},
    {.path = "cameras.url", .type = KEY_SOURCE, .min = 1, .max = 4096,
     .offset = IN_CAMERA(url), .flags = KEY_REQUIRED | KEY_OWN,
     .meaning = "rtsp://, rtsps://, http:// or https://, a file's path, or /dev/videoN."},
    {.path = "cameras.fps", .type = KEY_FLOAT, .min = 0.5, .max = 30, .offset = IN_CAMERA(fps),
     .fallback = "5.0",
     .meaning = "Pictures analysed in a second."},
    {.path = "cameras.transport", .type = KEY_ENUM, .words = transports,
     .offset = IN_CAMERA(transport), .fallback = "tcp",
     .meaning = "How RTSP brings its pictures: tcp or udp."},
    {.path = "cameras.pace", .type = KEY_ENUM, .words = paces, .offset = IN_CAMERA(pace),
     .fallback = "real",
     .meaning = "A file's speed: real, or max to analyse every sampled picture."},
    {.path = "cameras.decode", .type = KEY_ENUM, .words = decodings, .offset = IN_CAMERA(decode),
     .fallback = "auto",
     .meaning = "What is decoded and looked at: auto, what may matter; all; or keyframes alone."},
    {.path = "cameras.hwaccel", .type = KEY_HARDWARE, .min = 1, .max = HWACCEL_SIZE - 1,
     .offset = IN_CAMERA(hwaccel), .fallback = "none",
     .meaning = "Hardware that decodes, by FFmpeg's name, as vaapi or vaapi:/dev/dri/renderD128."},
    {.path = "cameras.isolation", .type = KEY_ENUM, .words = isolations,
     .offset = IN_CAMERA(isolation), .fallback = "process",
     .meaning = "Where it is decoded: in a process of its own without rights, or in a thread."},
    {.path = "cameras.loop", .type = KEY_BOOL, .offset = IN_CAMERA(loop), .fallback = "false",
     .meaning = "Begin a file again when it has ended."},
    {.path = "cameras.enabled", .type = KEY_BOOL, .offset = IN_CAMERA(enabled),
     .fallback = "true",
     .meaning = "Watch this camera."},
    {.path = "cameras.min_face", .type = KEY_INT, .min = 0, .max = 16384,
     .offset = IN_CAMERA(min_face), .fallback = "12",
     .meaning = "Narrower faces are not looked at, in pixels; 0: no limit."},
    {.path = "cameras.max_face", .type = KEY_INT, .min = 0, .max = 16384,
     .offset = IN_CAMERA(max_face), .fallback = "0",
     .meaning = "Wider faces are not looked at, in pixels; 0: no limit."},
    {.path = "cameras.zones", .type = KEY_AREAS, .offset = IN_CAMERA(zones),
     .meaning = "Only faces whose centre lies in one of these polygons count; none: everywhere."},
    {.path = "cameras.masks", .type = KEY_AREAS, .offset = IN_CAMERA(masks),
     .meaning = "Faces whose centre lies in one of these polygons are never used."},
    {.path = "cameras.tiles", .type = KEY_ENUM, .words = tilings, .offset = IN_CAMERA(tiles),
     .fallback = "off",
     .meaning = "auto: look at large pictures in parts too, to find faces of min_face pixels."},
};
/* clang-format on */
const size_t conf_keys_count = sizeof(conf_keys) / sizeof(conf_keys[0]);

const char *schema_name(const struct conf_key *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

size_t schema_section_length(const struct conf_key *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot ? (size_t)(dot - key->path) : 0;
}

static bool in_section(const struct conf_key *key, const char *section)
{
    size_t n = schema_section_length(key);
    return strlen(section) == n && strncmp(key->path, section, n) == 0;
}

const struct conf_key *schema_find(const char *section, const char *name)
{
    for (size_t i = 0; i < conf_keys_count; i++) {
        if (in_section(&conf_keys[i], section) && strcmp(schema_name(&conf_keys[i]), name) == 0)
            return &conf_keys[i];
    }
    return NULL;
}

/* In the order of the table; "defaults" has the keys of "cameras". */
static const char *const sections[] = {"database", "privacy", "mqtt", "http", "models",
        "attributes", "track", "pipeline", "defaults", "cameras"};

bool schema_is_section(const char *name)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (strcmp(sections[i], name) == 0)
            return true;
    }
    return false;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/*
 * How many letters must be put in, left out, changed or swapped with their neighbour to make one
 * word of the other: the optimal string alignment distance.
 */
static int distance(const char *a, const char *b)
{
    int d[LONGEST + 1][LONGEST + 1];
    int n = (int)strnlen(a, LONGEST + 1), m = (int)strnlen(b, LONGEST + 1);
    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (int i = 0; i <= n; i++)
        d[i][0] = i;
    for (int j = 0; j <= m; j++)
        d[0][j] = j;
    for (int i = 1; i <= n; i++) {
        for (int j = 1; j <= m; j++) {
            int change = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(change, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[n][m];
}

const char *schema_suggest(const char *section, const char *name)
{
    const char *best = NULL;
    /* A third of its letters may be wrong, one in a short word. */
    int length = (int)strlen(name), nearest = (length > 5 ? length / 3 : 1) + 1;
    for (size_t i = 0; i < conf_keys_count; i++) {
        const char *other = schema_name(&conf_keys[i]);
        int d = in_section(&conf_keys[i], section) ? distance(name, other) : LONGEST;
        if (d < nearest) {
            nearest = d;
            best = other;
        }
    }
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]) && !*section; i++) {
        int d = distance(name, sections[i]);
        if (d < nearest) {
            nearest = d;
            best = sections[i];
        }
    }
    for (size_t i = 0; i < conf_keys_count && !best; i++) {
        if (strcmp(schema_name(&conf_keys[i]), name) == 0)
            best = conf_keys[i].path;
    }
    return best;
}

static void expects_words(const struct conf_key *key, char *dst, size_t size)
{
    size_t n = 0;
    dst[0] = '\0';
    for (const char *const *w = key->words; *w && n < size; w++) {
        n += (size_t)snprintf(
                dst + n, size - n, "%s\"%s\"", w == key->words ? "one of " : ", ", *w);
    }
}

void schema_expects(const struct conf_key *key, char *dst, size_t size)
{
    char low[WHEN_TEXT], high[WHEN_TEXT];
    switch (key->type) {
    case KEY_STRING:
    case KEY_TOPIC: (void)snprintf(dst, size, "a string, \"...\""); break;
    case KEY_PATH: (void)snprintf(dst, size, "a path, \"/...\""); break;
    case KEY_SOURCE: (void)snprintf(dst, size, "a string, \"rtsp://...\""); break;
    case KEY_BROKER: (void)snprintf(dst, size, "a string, \"mqtt://...\""); break;
    case KEY_BROKERS:
        (void)snprintf(dst, size, "a list of strings, ( \"mqtt://...\", \"mqtt://...\" )");
        break;
    case KEY_LISTEN: (void)snprintf(dst, size, "a string, \"127.0.0.1:8080\""); break;
    case KEY_HARDWARE: (void)snprintf(dst, size, "a string, \"vaapi\""); break;
    case KEY_NAME:
        (void)snprintf(dst, size, "a name, 1 to 32 of the characters a-z 0-9 _ -");
        break;
    case KEY_BOOL: (void)snprintf(dst, size, "true or false"); break;
    case KEY_INT: (void)snprintf(dst, size, "a whole number, %g to %g", key->min, key->max); break;
    case KEY_FLOAT: (void)snprintf(dst, size, "a number, %g to %g", key->min, key->max); break;
    case KEY_DURATION:
        when_format_duration(low, (int64_t)key->min);
        when_format_duration(high, (int64_t)key->max);
        (void)snprintf(dst, size, "a duration, \"%s\" to \"%s\"%s", low, high,
                key->flags & KEY_OR_NONE ? ", or \"0s\" for no bound" : "");
        break;
    case KEY_SIZE:
        value_format_size(low, (int64_t)key->min);
        value_format_size(high, (int64_t)key->max);
        (void)snprintf(dst, size, "a size, \"%s\" to \"%s\"%s", low, high,
                key->flags & KEY_OR_NONE ? ", or \"0\" for no bound" : "");
        break;
    case KEY_ENUM: expects_words(key, dst, size); break;
    case KEY_AREAS:
        (void)snprintf(dst, size, "a list of polygons, ( \"0,0, 0.5,0, 0.5,1\" )");
        break;
    case KEY_TYPE_COUNT: dst[0] = '\0'; break;
    }
}
