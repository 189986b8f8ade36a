#include "sample/quiet.h"

#include <math.h>
#include <string.h>

#define PER_OCTAVE 8
#define EARLY      4       /* packets after a key frame */
#define ENOUGH     100     /* late packets that make a model */
#define MEMORY     2000.0f /* as many packets, then half of their weight is taken */
#define HIGHEST    0.995f  /* what is beyond so many of the quiet ones is an outlier */
#define SMOOTH     (1.0f / 6)
#define LATELY     7u /* the last three packets, of which two must be large */

/* A limit is so much above the largest usual size, and above the middle one. */
#define ABOVE      1.12f
#define ABOVE_MEAN 1.06f
#define OVER_MID   1.3f
#define OVER_MEAN  1.12f
#define SPARE      48.0f /* bytes: what a header varies by */

#define MARGIN_MAX 2.0f
#define CASES      6.0f /* so many times something must have moved before experience counts */
#define CASES_MAX  64.0f
#define SHOWN      0.75f
/* Before: an ordinary packet of at most so many bytes, and a key frame so many times as large. */
#define SMALL_BYTES 300.0f
#define SMALL_BITS  0.008f /* and so many a pixel */
#define KEY_TIMES   6.0f

void quiet_init(struct quiet *q)
{
    memset(q, 0, sizeof(*q));
    q->mean = -1;
    q->margin = 1;
}

void quiet_picture(struct quiet *q, int width, int height)
{
    int64_t pixels = (int64_t)width * height;
    if (q->pixels && q->pixels != pixels)
        quiet_init(q);
    q->pixels = pixels;
}

static int bin_of(float size)
{
    int bin = (int)(log2f(fmaxf(size, 1)) * PER_OCTAVE);
    return bin < QUIET_BINS ? bin : QUIET_BINS - 1;
}

/* The upper edge of the bin below which this share lies. */
static float quantile(const struct quiet_sizes *s, float share)
{
    float sum = 0;
    for (int i = 0; i < QUIET_BINS; i++) {
        sum += s->count[i];
        if (sum >= share * s->n && sum > 0)
            return exp2f((float)(i + 1) / PER_OCTAVE);
    }
    return 0;
}

static bool is_large(const struct quiet *q, enum quiet_kind kind, float size)
{
    const struct quiet_sizes *s = &q->sizes[kind];
    if (s->n < (kind == QUIET_KEY ? 1.0f : (float)(2 * EARLY)))
        return false;
    bool mean = kind == QUIET_MEAN;
    float high = quantile(s, HIGHEST) * (mean ? ABOVE_MEAN : ABOVE);
    float over = quantile(s, 0.5f) * (mean ? OVER_MEAN : OVER_MID);
    return size > fmaxf(high, over) * q->margin + (mean ? SPARE / 2 : SPARE);
}

static void note(struct quiet *q, enum quiet_kind kind, float size)
{
    if (q->n_heard == QUIET_HEARD)
        return;
    q->kind[q->n_heard] = (uint8_t)kind;
    q->bin[q->n_heard++] = (uint8_t)bin_of(size);
}

static bool learned(const struct quiet *q)
{
    return q->pixels > 0 && q->sizes[QUIET_LATE].n >= ENOUGH && q->sizes[QUIET_KEY].n >= 1;
}

enum quiet_word quiet_hear(struct quiet *q, int size, bool key)
{
    q->since_key = key ? 0 : q->since_key + 1;
    enum quiet_kind kind = key ? QUIET_KEY : q->since_key <= EARLY ? QUIET_EARLY : QUIET_LATE;
    bool large = is_large(q, kind, (float)size), rising = false;
    note(q, kind, (float)size);
    if (kind == QUIET_LATE) {
        q->mean = q->mean < 0 ? (float)size : q->mean + ((float)size - q->mean) * SMOOTH;
        rising = is_large(q, QUIET_MEAN, q->mean);
        note(q, QUIET_MEAN, q->mean);
    }
    if (!key)
        q->loud = q->loud << 1 | large;
    bool loud = key ? large : rising || __builtin_popcount(q->loud & LATELY) >= 2;
    q->heard_loud |= loud && !key;
    if (!quiet_knows(q))
        return QUIET_UNKNOWN;
    return loud ? QUIET_LOUD : QUIET_STILL;
}

static void forget_heard(struct quiet *q)
{
    q->n_heard = 0;
    q->heard_loud = false;
}

void quiet_still(struct quiet *q)
{
    for (int i = 0; i < q->n_heard; i++) {
        struct quiet_sizes *s = &q->sizes[q->kind[i]];
        s->count[q->bin[i]]++;
        s->n++;
        if (s->n < MEMORY)
            continue;
        s->n /= 2;
        for (int k = 0; k < QUIET_BINS; k++)
            s->count[k] /= 2;
    }
    forget_heard(q);
}

static void experience(struct quiet *q, float shown, float unshown)
{
    q->shown += shown;
    q->unshown += unshown;
    if (q->shown + q->unshown < CASES_MAX)
        return;
    q->shown /= 2;
    q->unshown /= 2;
}

void quiet_moved(struct quiet *q, bool clearly)
{
    if (clearly && learned(q) && q->n_heard > 0)
        experience(q, q->heard_loud, !q->heard_loud);
    forget_heard(q);
}

void quiet_false_alarm(struct quiet *q)
{
    q->margin = fminf(q->margin * 1.15f, MARGIN_MAX);
}

void quiet_true_alarm(struct quiet *q)
{
    q->margin = fmaxf(q->margin * 0.95f, 1);
    experience(q, 1, 0);
}

void quiet_missed(struct quiet *q)
{
    experience(q, 0, 2);
    forget_heard(q);
}

bool quiet_knows(const struct quiet *q)
{
    if (!learned(q))
        return false;
    float cases = q->shown + q->unshown;
    if (cases >= CASES)
        return q->shown >= SHOWN * cases;
    float usual = quantile(&q->sizes[QUIET_LATE], 0.5f);
    return usual <= SMALL_BYTES + SMALL_BITS / 8 * (float)q->pixels &&
           usual * KEY_TIMES <= quantile(&q->sizes[QUIET_KEY], 0.5f);
}
