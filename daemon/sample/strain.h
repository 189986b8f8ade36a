#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * How much less all cameras must do where the machine cannot do everything.
 *
 * Once a second it hears what became of the pictures of all cameras, and answers with one order for
 * all of them, so that each loses the same share:
 *
 *   1. `share` of the pictures that each camera's rate asks for are looked at. It falls at once by
 *      what is lost, down to STRAIN_LEAST, and rises step by step while the workers have time left.
 *   2. With that exhausted it is decoding that takes the time: where nobody is, key frames only.
 *
 * What is lost while the workers have time left comes of bursts, and thinning would not help it.
 *
 * It goes back the same way. A step back that had to be undone at once makes the next one wait
 * twice as long, up to a minute and a half, so that an order settles where the load is steady.
 *
 * Pure; one per process.
 */
#define STRAIN_LEAST 0.2

struct strain_second {
    uint64_t sampled; /* pictures for which a worker was asked */
    uint64_t lost;    /* of these, replaced by newer ones before one came */
    int cameras;      /* that stream ... */
    int late;         /* ... whose packets waited unread for too long */
    double busy;      /* share of the time that the workers were looking, 0 to 1 */
};

struct strain {
    double share;
    bool keys;        /* key frames only, where nobody is */
    int64_t since_us; /* when the overload began; 0: there is none */
    /* how it goes */
    int bad, good;     /* seconds in a row */
    int patience;      /* good ones that a step back takes */
    int64_t raised_us; /* the last step back; 0: none */
};

void strain_init(struct strain *s);

/* True: the order is another one. */
bool strain_tick(struct strain *s, const struct strain_second *second, int64_t now_us);

/* What a camera is to look at: more where somebody is, so that nobody who is known gets lost. */
double strain_share(double share, bool somebody);
