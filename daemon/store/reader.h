#pragma once

#include "base/err.h"
#include "base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Questions to the database, while the daemon writes it or when there is none.
 *
 * Reads through a connection of its own that never writes, and sees what was committed when a
 * question is asked. One thread at a time for each reader.
 */
struct reader;

struct reader *reader_open(const char *path, struct err *e);
void reader_close(struct reader *r); /* NULL is fine */

/* Inside the room only: its connection. */
struct sqlite3;
struct sqlite3 *reader_handle(struct reader *r);

/* A row of the view `faces`, with its columns in their order. Text that is NULL is NULL, a number
 * NAN. Borrowed for the call. */
struct face_row {
    const char *id;
    int64_t seq; /* 0: NULL, as while the person is there */
    const char *node, *camera;
    const char *start_time, *end_time;
    int64_t start_us, end_us; /* end_us 0: NULL, as while the person is there */
    double duration_s;        /* so far, while the person is there */
    const char *end_reason;
    double age_years;
    const char *age_range;
    double age_probability;
    const char *age_unknown;
    const char *gender;
    double gender_probability;
    const char *gender_unknown;
    int64_t samples;
    double score;
    double box_x, box_y, box_w, box_h;
    int64_t width_px;
    const char *detector, *attributes;
};

/* The name of every camera that ever wrote here; as reader_faces(). */
int reader_cameras(
        struct reader *r, int (*each)(const char *name, void *arg), void *arg, struct err *e);

/* What a command said of the camera last; *enabled stays as it is when none did. 0 or negative. */
int reader_camera_enabled(struct reader *r, const char *camera, bool *enabled, struct err *e);

/* Zeroed: everybody. */
struct face_filter {
    const char *id;     /* this one alone; NULL: all */
    const char *camera; /* NULL: all */
    int64_t since_us;   /* start_us at or after; 0: from the beginning */
    int64_t until_us;   /* start_us before; 0: to the end */
    const char *gender; /* "male", "female", "unknown"; NULL: all */
    const char *age;    /* a range's name, "unknown"; NULL: all */
    int64_t limit;      /* 0: none */
    bool newest_first;
    bool by_seq; /* see below */
    int64_t after_seq;
};

/* The database's own name: with a seq it is a cursor. "" when it cannot be read. */
void reader_epoch(struct reader *r, char ret_epoch[UUID_TEXT]);

/* Between these two all questions are answered as of one moment. */
void reader_hold(struct reader *r);
void reader_release(struct reader *r);

/* The seq that was given last; 0: none. 0 or negative. */
int reader_last_seq(struct reader *r, int64_t *ret_seq, struct err *e);

/* How many have left: before this; of this filter's camera and time. 0 or negative. */
int reader_count_before(struct reader *r, int64_t before_us, int64_t *ret_n, struct err *e);
int reader_count(struct reader *r, const struct face_filter *f, int64_t *ret_n, struct err *e);

/*
 * Calls each() for every row, until it returns something other than 0, which is returned; 0: all
 * were given; negative: a failure, in *e.
 *
 * In the order of start_time, and a limit keeps the latest. With by_seq those that have ended and
 * have a seq above after_seq, in the order of seq, and a limit keeps the first: a cursor.
 */
int reader_faces(struct reader *r, const struct face_filter *f,
        int (*each)(const struct face_row *row, void *arg), void *arg, struct err *e);
