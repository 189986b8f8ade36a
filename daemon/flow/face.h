#pragma once

#include "flow/age.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What is known of a face at each step of its way: a detection, the quality of its picture, one
 * model's estimate from that picture, and the sighting of a track that joins them. Plain values;
 * boxes and points are in pixels of the full picture, x to the right, y down, and may reach
 * beyond its edges.
 */
#define FACES_MAX 128 /* in one picture; a crowd's further faces are the lowest scored */

struct point {
    float x, y;
};

struct box {
    float x, y, w, h; /* x, y: the upper left corner */
};

/* In the order in which YuNet gives them; right and left are the person's own. */
enum landmark {
    LANDMARK_RIGHT_EYE,
    LANDMARK_LEFT_EYE,
    LANDMARK_NOSE,
    LANDMARK_RIGHT_MOUTH,
    LANDMARK_LEFT_MOUTH,
    LANDMARK_COUNT,
};

/* One detection. */
struct face {
    struct box box;
    struct point mark[LANDMARK_COUNT];
    bool has_marks; /* the SSD detector knows none */
    float score;    /* 0 to 1, the detector's own scale */
};

/* Why an answer is withheld, in the order in which the reasons are looked at. */
enum unknown {
    UNKNOWN_NOT = 0, /* it is known */
    UNKNOWN_NOT_ESTIMATED,
    UNKNOWN_TOO_SMALL,
    UNKNOWN_CUT_OFF,
    UNKNOWN_BLURRED,
    UNKNOWN_PROFILE,
    UNKNOWN_EXPOSURE,
    UNKNOWN_DISAGREE,
    UNKNOWN_OUT_OF_RANGE,
    UNKNOWN_LOW_CONFIDENCE,
    UNKNOWN_COUNT,
};

/* "too_small"; NULL for UNKNOWN_NOT. */
const char *unknown_name(enum unknown reason);

/* How good a face's picture is for an estimate. */
struct quality {
    float width_px;       /* of the box */
    float sharpness;      /* variance of the Laplacian of the box's luma resized to 112x112 */
    float turn;           /* 0 frontal to 1 full profile, from the landmarks; 0 without them */
    float brightness;     /* mean luma of the box, 0 to 255 */
    float contrast;       /* standard deviation of that luma */
    float inside;         /* share of the box that lies inside the picture */
    float weight;         /* what a vote from this picture is worth: 0 none, 1 an ideal one */
    enum unknown defect;  /* why weight is 0; else UNKNOWN_NOT */
    enum unknown poorest; /* the worst of it: why an answer from it is not sure, when it is not;
                             UNKNOWN_LOW_CONFIDENCE: nothing is bad enough to be the reason */
};

/* One model's answer from one picture. */
struct estimate {
    bool has_age, has_gender;
    float years;               /* NAN: the model names only ranges */
    float years_sd;            /* standard deviation of its error; 0: as the traits say */
    float range_p[AGE_RANGES]; /* the model's own distribution if it names ranges; else all 0 */
    float female_p;            /* 0 male to 1 female, as the model says it */
};

/* What the emitter must know of the models behind an estimate; from their card. */
struct traits {
    char detector[33], attributes[33]; /* the cards' names */
    float start_score;                 /* a detection so sure begins a track; the detector gives
                                          out less sure ones too, and they only continue one */
    float start_eyes;                  /* and its eyes are so far apart, in widths of the box: the
                                          side of a head turned away begins none; 0: any do */
    float age_min, age_max;            /* ages that the model learned; outside: out_of_range */
    /* Standard deviation of the error in years at given estimated ages, rising; none: the card
     * was never measured, and no probability is given. Between them it is interpolated. */
    struct {
        float years, sd;
    } age_error[AGE_RANGES];
    int n_age_error;
    bool gender_measured; /* female_p may be called a probability */
};

/* Where somebody may be in the next picture. */
struct expected {
    struct box box; /* around all of that */
    bool open;      /* it must be looked at: not yet a person, or not found last time */
    float doubt;    /* standard deviation of where he goes, in sizes of his box */
};

/* A track's life: not yet believed, a person, no more. */
enum track_state {
    TRACK_TENTATIVE,
    TRACK_CONFIRMED,
    TRACK_GONE,
};

/* Why a record ended; the tracker itself knows the first, the app all others. */
enum end_reason {
    END_LEFT,
    END_CAMERA_LOST,
    END_SOURCE_ENDED,
    END_DISABLED,
    END_REMOVED,
    END_SHUTDOWN,
    END_RESTART,
    END_COUNT,
};

/* "left", "camera_lost" ... */
const char *end_reason_name(enum end_reason reason);

/* One track at one moment. A track that is gone is given out once more, with that state. */
struct sighting {
    uint64_t track; /* rises from 1 in each tracker, never given twice */
    enum track_state state;
    bool found;             /* by a detection this time; else the box is a prediction */
    bool resting;           /* not looked for: he was found before, and nothing has changed since */
    struct face face;       /* the detection, or the last one with the predicted box */
    int64_t first_us;       /* time of its first detection, by the track clock */
    int64_t last_us;        /* of its latest */
    enum end_reason reason; /* with TRACK_GONE */

    bool chosen;            /* set by emitter_choose(): worth an estimate */
    struct quality quality; /* set by attrs_run() for the chosen ones */
    bool estimated;         /* and whether the estimate could be made */
    struct estimate estimate;
};

/* All tracks of one camera at one moment. */
#define SIGHTINGS_MAX (2 * FACES_MAX)
struct sightings {
    int n;
    struct sighting list[SIGHTINGS_MAX];
};
