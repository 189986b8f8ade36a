#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * What the sizes of a stream's packets say without decoding them: nothing happens, or something.
 *
 * A picture that is predicted from the one before is small while nothing moves. How small is
 * another matter in each camera, so it is learned, and only from stretches of which the pictures
 * were seen to be still: the distribution of the sizes of key frames, of the few pictures after
 * one, of all others, and of their running mean, in which somebody far away shows before any
 * single packet is large.
 *
 * It also learns whether sizes say anything at all. At a constant bit rate they do not: a picture
 * has its share of bits whatever it shows. Where motion was seen, it counts in how many cases the
 * sizes had shown it; before that a stream is believed to tell something when its usual packet is
 * next to nothing beside a picture and beside a key frame.
 *
 * Pure, no allocation; one per open source.
 */
enum quiet_word {
    QUIET_STILL,   /* as quiet as ever */
    QUIET_LOUD,    /* something happens */
    QUIET_UNKNOWN, /* too little is known, or sizes say nothing here */
};

#define QUIET_BINS  192 /* eighths of an octave, up to 16 MB */
#define QUIET_HEARD 512

enum quiet_kind {
    QUIET_KEY,
    QUIET_EARLY, /* the pictures after a key frame, which mend what it has coarsened */
    QUIET_LATE,
    QUIET_MEAN, /* of the late ones */
    QUIET_KINDS,
};

struct quiet_sizes {
    float n;
    float count[QUIET_BINS];
};

struct quiet {
    int64_t pixels;
    struct quiet_sizes sizes[QUIET_KINDS];
    float mean;           /* running, of the late ones; below 0: none yet */
    int since_key;        /* packets */
    unsigned loud;        /* bit i: the packet i before was too large */
    float margin;         /* grows with each false alarm */
    float shown, unshown; /* times that something moved, and the sizes said so or not */
    /* heard since the last picture was judged */
    int n_heard;
    bool heard_loud;
    uint8_t kind[QUIET_HEARD], bin[QUIET_HEARD];
};

void quiet_init(struct quiet *q);

/* The size of the pictures, which must be known; another one is another stream. */
void quiet_picture(struct quiet *q, int width, int height);

/* The next packet. A key frame alone is never reason enough for more than a look at it. */
enum quiet_word quiet_hear(struct quiet *q, int size, bool key);

/* What was heard since the last judgement was of a still picture, or not; clearly: so much moved
 * that sizes which mean anything must show it. */
void quiet_still(struct quiet *q);
void quiet_moved(struct quiet *q, bool clearly);

/* Somebody woke up because of the sizes and saw nothing, or something; or saw by himself what the
 * sizes had not told. */
void quiet_false_alarm(struct quiet *q);
void quiet_true_alarm(struct quiet *q);
void quiet_missed(struct quiet *q);

/* Are the sizes known, and do they say anything? */
bool quiet_knows(const struct quiet *q);
