/* needs: track/tracker track/track track/rhythm track/assign track/motion track/places flow/box base/mem */
/*
 * A camera's life as the tracker sees it, with faces of any size and number and a clock that goes
 * where it likes. Each step is a byte that says what happens, a time, and faces.
 *
 * Whatever comes: no face is reported as two people, no track is given twice in one answer or after
 * it was gone, numbers rise, and places are numbers.
 */
#include "fuzz.h"
#include "track/tracker.h"

#include <math.h>

enum {
    STEP,
    STEP_IN,
    HOLD,
    COAST,
    TICK,
    END,
    VIEW,
    AGAIN,
    ACTIONS
};

static struct sightings seen;
static struct face faces[FACES_MAX];

/* What was told before, as far as it must not be contradicted. */
struct told {
    uint64_t highest;
    uint64_t gone[4096];
    int n_gone;
};

static float coordinate(struct input *in)
{
    uint8_t kind = take_byte(in);
    return kind == 0xff ? take_float(in) : (float)(kind * 8) - 64;
}

/* Each has its number where a landmark would be, and is sure of none. */
static int take_faces(struct input *in)
{
    uint8_t n = take_byte(in);
    n = n == 0xff ? FACES_MAX : n % 8;
    for (int i = 0; i < n; i++) {
        uint8_t twin = take_byte(in);
        faces[i] = (struct face){.score = twin & 1 ? 0.9f : 0.4f};
        faces[i].box = (struct box){coordinate(in), coordinate(in), coordinate(in), coordinate(in)};
        if (i > 0 && twin & 2)
            faces[i].box = faces[i - 1].box;
        if (twin & 4)
            faces[i].score = take_float(in);
        faces[i].mark[LANDMARK_NOSE].x = (float)i;
    }
    return n;
}

static void judge(struct told *told, int n_faces)
{
    bool used[FACES_MAX] = {false};
    HOLDS(seen.n >= 0 && seen.n <= SIGHTINGS_MAX);
    uint64_t highest = told->highest;
    for (int i = 0; i < seen.n; i++) {
        const struct sighting *s = &seen.list[i];
        const struct box *b = &s->face.box;
        HOLDS(s->track > 0 && s->first_us <= s->last_us);
        HOLDS(isfinite(b->x) && isfinite(b->y) && isfinite(b->w) && isfinite(b->h));
        for (int k = 0; k < i; k++)
            HOLDS(seen.list[k].track != s->track);
        for (int k = 0; k < told->n_gone; k++)
            HOLDS(told->gone[k] != s->track);
        highest = s->track > highest ? s->track : highest;
        if (s->state == TRACK_GONE && told->n_gone < 4096)
            told->gone[told->n_gone++] = s->track;
        if (n_faces < 0 || !s->found || s->resting)
            continue;
        int face = (int)s->face.mark[LANDMARK_NOSE].x;
        HOLDS(face >= 0 && face < n_faces && !used[face]);
        used[face] = true;
    }
    told->highest = highest;
}

static int64_t take_time(struct input *in, int64_t now)
{
    uint8_t how = take_byte(in);
    if (how == 0xff)
        return take_int(in) * INT64_C(1000000);
    if (how == 0xfe)
        return (int64_t)((uint64_t)(uint32_t)take_int(in) << 32 >> 3);
    return how & 0x80 ? now - (how & 0x7f) * INT64_C(100000) : now + how * INT64_C(40000);
}

static void step(struct tracker *t, struct input *in, int64_t *now, struct told *told)
{
    static struct expected expected[SIGHTINGS_MAX];
    uint8_t what = take_byte(in) % ACTIONS;
    int n = -1;
    if (what != VIEW && what != AGAIN)
        *now = take_time(in, *now);
    seen.n = 0;
    switch (what) {
    case STEP:
    case AGAIN: /* the same picture once more */
        n = take_faces(in);
        tracker_step(t, faces, n, *now, &seen);
        break;
    case STEP_IN: {
        struct box parts[2] = {
                {coordinate(in), coordinate(in), coordinate(in), coordinate(in)}, {0, 0, 640, 480}};
        n = take_faces(in);
        tracker_step_in(t, parts, 1 + (n & 1), faces, n, *now, &seen);
        break;
    }
    case HOLD: tracker_hold(t, *now, &seen); break;
    case COAST: tracker_coast(t, *now, &seen); break;
    case TICK: tracker_tick(t, *now, &seen); break;
    case END: tracker_end(t, take_byte(in) % END_COUNT, &seen); break;
    default: {
        int width = take_short(in);
        tracker_view(t, width, take_short(in));
    }
    }
    judge(told, n);
    int m = tracker_expect(t, *now + 200000, expected);
    HOLDS(m >= 0 && m <= SIGHTINGS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct told told;
    struct input in = {data, size};
    struct conf_track conf = {.confirm = 1 + take_byte(&in) % 4, .lost_us = 3000000};
    struct tracker *t = tracker_new(&conf, 0.7f, 0);
    int64_t now = 1000000;
    told.highest = 0;
    told.n_gone = 0;
    for (int i = 0; i < 1000 && in.left > 0; i++)
        step(t, &in, &now, &told);
    tracker_free(t);
    return 0;
}
