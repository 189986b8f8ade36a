#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Every key of the configuration in one table: its type, range, default, meaning and place in
 * struct conf. The loader and the dump work from it, and the tests compare the example file with
 * it, so that a key cannot exist in one of them only.
 *
 * A path is "section.key", or "key" at the top level. A key of a camera is "cameras.key" and its
 * place is in struct conf_camera; it may also stand in the group "defaults" unless it is marked
 * KEY_OWN.
 */
enum key_type {
    KEY_STRING,   /* char *; min and max are its length in bytes */
    KEY_PATH,     /* char *; the same */
    KEY_TOPIC,    /* char *; a beginning of MQTT topics, without wildcards */
    KEY_SOURCE,   /* struct conf_camera's url: rtsp, http, a file or a webcam */
    KEY_BROKER,   /* struct conf_mqtt: one more broker, and what else an MQTT URL says */
    KEY_BROKERS,  /* the same, a list of them */
    KEY_LISTEN,   /* char *; ADDRESS:PORT of our own */
    KEY_HARDWARE, /* char[HWACCEL_SIZE]; a name of libav's, perhaps with a device */
    KEY_NAME,     /* char[NAME_SIZE], [a-z0-9_-]{1,32} */
    KEY_BOOL,     /* bool */
    KEY_INT,      /* int */
    KEY_FLOAT,    /* double; an integer is taken too */
    KEY_DURATION, /* int64_t microseconds, as are min and max */
    KEY_SIZE,     /* int64_t bytes, as are min and max */
    KEY_ENUM,     /* int-sized enum, the index into words */
    KEY_AREAS,    /* struct polygons: parts of the picture, a list of them */
    KEY_TYPE_COUNT,
};

enum key_flag {
    KEY_REQUIRED = 1, /* where its group stands */
    KEY_OWN = 2,      /* each camera has its own; not in "defaults" */
    KEY_HIDDEN = 4,   /* its value is a secret as a whole */
    KEY_OR_NONE = 8,  /* 0 is allowed beside min to max: no bound */
};

struct conf_key {
    const char *path;
    enum key_type type;
    unsigned flags;
    double min, max;
    const char *fallback;     /* the default as it would stand in the file, without quotes */
    const char *computed;     /* or, for people, what it is made from; neither: none */
    const char *const *words; /* of KEY_ENUM, ended by NULL */
    size_t offset;
    const char *meaning; /* one line for the example file and the manual */
    const char *fixed;   /* why a reload cannot change it; NULL: it can */
};

/* In the order of the example file and the dump; section by section. */
extern const struct conf_key conf_keys[];
extern const size_t conf_keys_count;

/* The last part of a key's path, and how long its section's name is (0 at the top level). */
const char *schema_name(const struct conf_key *key);
size_t schema_section_length(const struct conf_key *key);

/* The key `name` of a section ("" at the top level); NULL: there is none. */
const struct conf_key *schema_find(const char *section, const char *name);

/* Is there a group or list of this name at the top level? */
bool schema_is_section(const char *name);

/*
 * What somebody may have meant by `name` in this section: the nearest of its keys if that is near
 * enough, else the path of a key of that very name elsewhere, else NULL. Static storage.
 */
const char *schema_suggest(const char *section, const char *name);

/*
 * What a key takes, for an error: "a number, 0.5 to 30", "one of 'tcp', 'udp'".
 */
void schema_expects(const struct conf_key *key, char *dst, size_t size);
