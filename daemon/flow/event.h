#pragma once

#include "base/uuid.h"
#include "flow/face.h"
#include "flow/settings.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What happened, to whom, when: the letters that workers and cameras send to the store.
 *
 * Most are about a record, the one row that a person who appears gets. An event carries all that
 * is known of its record, never a difference, so that a later one may stand for an earlier one.
 * The words and JSON keys here are the contract of faced-events(7).
 */
enum event_type {
    EVENT_NEW,         /* a person appeared: the track was confirmed */
    EVENT_SEEN,        /* still there: for the database only, at least every 5 s */
    EVENT_UPDATE,      /* the estimate changed */
    EVENT_END,         /* the person is gone */
    EVENT_OBSERVATION, /* one sampled sighting, where the configuration wants them kept */
    EVENT_CAMERA,      /* a camera's state changed, or is confirmed now and then */
};

/* The answers as they are given: a value or the reason why not, never both. */
struct answers {
    enum unknown age_unknown;
    int age_range;         /* -1 when unknown */
    float age_years;       /* NAN when unknown, or when the model names only ranges */
    float age_probability; /* NAN when unknown or not measured, as is: */
    float age_nearly;      /* that the range or a neighbour is right, by which age is judged */
    enum unknown gender_unknown;
    bool female;
    float gender_probability; /* NAN when unknown or not measured */
};

struct record {
    char id[UUID_TEXT];
    int64_t start_us, end_us; /* wall time of the first and the latest sighting */
    enum end_reason reason;   /* with EVENT_END */
    struct answers answers;
    int samples;    /* pictures that voted */
    float score;    /* of the best picture, as are: */
    struct box box; /* relative to the picture, 0 to 1 */
    int width_px;
    char detector[NAME_SIZE], attributes[NAME_SIZE];
    uint64_t track; /* of its camera's tracker: for who keeps something beside it */
};

/* A picture in its file's form. */
struct jpeg {
    size_t size;
    uint8_t data[];
};

enum camera_state {
    CAMERA_CONNECTING,
    CAMERA_ONLINE,
    CAMERA_OFFLINE, /* in back-off */
    CAMERA_DISABLED,
    CAMERA_ENDED, /* a file that came to its end */
    CAMERA_STATE_COUNT,
};

/* "connecting", "online" ... */
const char *camera_state_name(enum camera_state state);

struct event {
    enum event_type type;
    char camera[NAME_SIZE];
    int64_t time_us;      /* wall time of the decision */
    int64_t time_boot_us; /* the same by mono_boot_us(), for `replayed` */
    union {
        struct { /* NEW, SEEN, UPDATE, END, OBSERVATION */
            struct record record;
            struct jpeg *jpeg; /* with END, where pictures are kept: owned; else NULL */
        };
        struct {
            enum camera_state state;
            bool enabled;
            bool commanded; /* `enabled` was set by a command: it is kept across restarts */
            char url[256];  /* redacted */
        } status;           /* CAMERA */
    };
};

/* Zeroed but for what is given; times are set to now. To be freed with event_free(). */
struct event *event_new(enum event_type type, const char *camera);
void event_free(void *event); /* NULL is fine; void * so that a queue can call it */

/* "new", "update", "end"; for other types NULL: they have no message. */
const char *event_type_name(enum event_type type);

/* Records that a squeeze had to drop whole, and from the first start to the last sighting of them;
 * 0: none. Written under the queue's lock, read by anybody. */
struct event_loss {
    _Atomic uint64_t records;
    _Atomic int64_t from_us, to_us;
};

/*
 * A queue's squeeze (see queue.h) for events: makes room when the store does not keep up. First
 * those go that a later one stands for: all but the newest SEEN and UPDATE of each record (its END
 * stands for both), all but each camera's newest CAMERA. Only when that frees nothing, the
 * observations; then every SEEN, UPDATE and CAMERA; then the oldest whole records. arg is a struct
 * event_loss, or NULL.
 */
size_t event_squeeze(void **events, size_t n, void *arg);

/* How exact numbers are, in messages and in the database alike. NAN stays NAN. */
#define EVENT_BOX_DIGITS         4
#define EVENT_SCORE_DIGITS       3
#define EVENT_PROBABILITY_DIGITS 3
#define EVENT_YEARS_DIGITS       1
double event_round(double value, int digits);
double event_duration_s(int64_t start_us, int64_t end_us); /* to the millisecond */

/* What stands around an event in its message. */
struct envelope {
    const char *epoch, *node;
    int64_t seq; /* 0: none, as in all but END */
};

/*
 * The message's JSON as it is kept in the outbox: all that was decided, with `msg` 0, `published`
 * null and `replayed` false in their places. To be freed; NULL for types without a message.
 */
char *event_json(const struct event *ev, const struct envelope *env);

/* Its objects `age` and `gender`, for whoever tells the same elsewhere: new references. */
struct json_t;
struct json_t *answers_age_json(const struct answers *a);
struct json_t *answers_gender_json(const struct answers *a);
struct json_t *box_json(const struct box *relative); /* [x, y, w, h] */

/* The message "lost" in the same state: messages from..to were dropped. It has no `replayed`. */
char *event_json_lost(const struct envelope *env, int64_t time_us, uint64_t from, uint64_t to);

/* Either text with those three filled in, for one sending. To be freed; NULL: not JSON. */
char *event_json_send(const char *json, uint64_t msg, int64_t published_us, bool replayed);
