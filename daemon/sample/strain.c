#include "sample/strain.h"

#include "base/mono.h"

#define LOST_BAD     0.2  /* of the pictures: too many ... */
#define LOST_FEW     3    /* pictures in a second that prove nothing */
#define LOST_MORE    0.1  /* ... and once there is an overload */
#define LATE_SHARE   0.1  /* of the cameras */
#define BUSY_GOOD    0.75 /* the workers have time left; what is lost is lost in bursts ... */
#define BUSY_GOAL    0.85 /* ... and may be given so much */
#define STEP         1.4
#define FALL         0.75 /* where packets wait but nothing is lost */
#define BAD_S        3
#define PATIENCE_S   3
#define PATIENCE_MAX 96
#define REGRET_US    (10 * MONO_SECOND) /* a step back was wrong that had to be undone so soon */
#define STEADY_US    (120 * MONO_SECOND)
#define SOMEBODY     2.5

void strain_init(struct strain *s)
{
    *s = (struct strain){.share = 1, .patience = PATIENCE_S};
}

static double lost_share(const struct strain_second *x)
{
    return x->sampled && x->lost > LOST_FEW ? (double)x->lost / (double)x->sampled : 0;
}

/* One alone among others, while the workers have time, is late by its own fault, or says so. */
static bool many_late(const struct strain_second *x)
{
    bool alone = x->late == 1 && x->cameras > 1 && x->busy < BUSY_GOOD;
    return !alone && x->late > LATE_SHARE * x->cameras;
}

static void ask_less(struct strain *s, double lost, int64_t now_us)
{
    if (!s->since_us)
        s->since_us = now_us;
    if (s->raised_us && now_us - s->raised_us < REGRET_US && s->patience < PATIENCE_MAX)
        s->patience *= 2;
    s->raised_us = 0;
    if (s->share <= STRAIN_LEAST) {
        s->keys = true;
        return;
    }
    s->share *= lost > 1 - FALL ? 1 - lost : FALL;
    if (s->share < STRAIN_LEAST)
        s->share = STRAIN_LEAST;
}

static void ask_more(struct strain *s, double busy, int64_t now_us)
{
    s->raised_us = now_us;
    if (s->share < 1) {
        double step = busy * STEP > BUSY_GOAL ? BUSY_GOAL / busy : STEP;
        s->share *= step;
        if (s->share > 0.99)
            s->share = 1;
    } else {
        /* Whether decoding all is possible shows best while little else is done. */
        s->keys = false;
        s->share = STRAIN_LEAST;
    }
    if (s->share >= 1 && !s->keys)
        s->since_us = 0;
}

bool strain_tick(struct strain *s, const struct strain_second *x, int64_t now_us)
{
    double lost = lost_share(x);
    bool idle = x->busy < BUSY_GOOD;
    bool bad = (!idle && lost > (s->since_us ? LOST_MORE : LOST_BAD)) || many_late(x);
    bool good = idle && !many_late(x);
    s->bad = bad ? s->bad + 1 : 0;
    s->good = good ? s->good + 1 : 0;
    if (s->raised_us && now_us - s->raised_us > STEADY_US)
        s->patience = PATIENCE_S;
    bool most = s->keys && s->share <= STRAIN_LEAST, none = s->share >= 1 && !s->keys;
    if (s->bad >= BAD_S && !most) {
        s->bad = 0;
        ask_less(s, lost, now_us);
        return true;
    }
    if (s->good >= s->patience && !none) {
        s->good = 0;
        ask_more(s, x->busy, now_us);
        return true;
    }
    return false;
}

double strain_share(double share, bool somebody)
{
    share *= somebody ? SOMEBODY : 1;
    return share < 1 ? share : 1;
}
