#include "app/score.h"

#include "base/mem.h"
#include "flow/box.h"
#include "track/assign.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A record shows a second person when he is in so many of its pictures. */
#define SECOND_PICTURES 3
#define SECOND_SHARE    5 /* one in so many */

#define MOSTLY          0.8
#define NOBODY          (-1)

_Static_assert(SCORE_MANY <= ASSIGN_MAX, "assign() takes them all");
_Static_assert(FACES_MAX <= SCORE_MANY && SIGHTINGS_MAX <= SCORE_MANY, "a picture fits");

/* Of one picture; `who` are places in the lists of people and of tracks. */
struct look {
    int n_faces, n_seen;
    struct mark {
        int who;
        struct box box;
        float visible;
    } * faces, *seen;
};

struct score {
    int n_people;
    struct person {
        int id;
        bool counts;
    } * people;
    int n_tracks;
    struct known {
        uint64_t id;
        bool record;
    } * tracks;
    int n_looks;
    struct look *looks;
};

struct score *score_new(void)
{
    return mem_new(1, sizeof(struct score));
}

void score_free(struct score *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_looks; i++) {
        free(s->looks[i].faces);
        free(s->looks[i].seen);
    }
    free(s->looks);
    free(s->people);
    free(s->tracks);
    free(s);
}

/* ------------------------------------------------------------- what is told --- */

void score_person(struct score *s, int id, bool counts)
{
    s->people = mem_grow(s->people, (size_t)s->n_people + 1, sizeof(*s->people));
    s->people[s->n_people++] = (struct person){id, counts};
}

static int person_of(const struct score *s, int id)
{
    for (int i = 0; i < s->n_people; i++) {
        if (s->people[i].id == id)
            return i;
    }
    return NOBODY;
}

static int track_of(struct score *s, uint64_t id)
{
    for (int i = s->n_tracks - 1; i >= 0; i--) {
        if (s->tracks[i].id == id)
            return i;
    }
    s->tracks = mem_grow(s->tracks, (size_t)s->n_tracks + 1, sizeof(*s->tracks));
    s->tracks[s->n_tracks] = (struct known){id, false};
    return s->n_tracks++;
}

void score_record(struct score *s, uint64_t track)
{
    int i = track_of(s, track);
    s->tracks[i].record = true;
}

void score_picture(struct score *s, const struct score_face *faces, int n_faces,
        const struct score_seen *seen, int n_seen)
{
    s->looks = mem_grow(s->looks, (size_t)s->n_looks + 1, sizeof(*s->looks));
    struct look *l = &s->looks[s->n_looks++];
    *l = (struct look){0};
    l->faces = mem_new((size_t)n_faces + 1, sizeof(*l->faces));
    l->seen = mem_new((size_t)n_seen + 1, sizeof(*l->seen));
    for (int i = 0; i < n_faces && l->n_faces < SCORE_MANY; i++) {
        int who = person_of(s, faces[i].id);
        if (who != NOBODY && box_sane(&faces[i].box))
            l->faces[l->n_faces++] = (struct mark){who, faces[i].box, faces[i].visible};
    }
    for (int i = 0; i < n_seen && l->n_seen < SCORE_MANY; i++) {
        if (box_sane(&seen[i].box))
            l->seen[l->n_seen++] = (struct mark){track_of(s, seen[i].track), seen[i].box, 1};
    }
}

/* ------------------------------------------------------------- who is who in a picture --- */

struct work {
    const struct score *s;
    struct score_sum *sum;
    float cost[SCORE_MANY * SCORE_MANY];
    int *pairs;     /* [person][track]: pictures in which they could be one and both are judged */
    int *shown;     /* [person][track]: pictures in which they were taken for one */
    int *judged;    /* [track]: its sightings that are judged */
    int *sightings; /* [track]: all of its sightings */
    int *visible, *matched; /* [person]: pictures */
    int *latest;            /* [person]: the track that showed him last, or NOBODY */

    /* some of the tracks */
    int n_records, n_real;
    int records[SCORE_MANY], real[SCORE_MANY];
};

static float distance(const struct box *a, const struct box *b)
{
    struct point ca = box_centre(a), cb = box_centre(b);
    return hypotf(ca.x - cb.x, ca.y - cb.y) / sqrtf(a->w * a->h);
}

/* 0 equal to 1 hardly; INFINITY: the sighting cannot be of this face. */
static float unlike(const struct box *face, const struct box *seen)
{
    float iou = box_iou(face, seen), away = distance(face, seen);
    float ratio = sqrtf(seen->w * seen->h / (face->w * face->h));
    bool near = away <= SCORE_NEAR && ratio <= SCORE_RATIO && ratio >= 1 / SCORE_RATIO;
    return iou >= SCORE_IOU || near ? 1 - iou : INFINITY;
}

static bool must_be_found(const struct work *w, const struct mark *face)
{
    return w->s->people[face->who].counts && face->visible >= SCORE_HIDDEN;
}

/*
 * Pairs the faces that must be found, or all others, with sightings that have none yet. Whoever was
 * a track's in the picture before stays so while that can be: only then is a change of names one.
 */
static void pair(struct work *w, const struct look *l, bool must, int *face_of)
{
    int rows = 0, row_face[SCORE_MANY], col_of[SCORE_MANY];
    for (int i = 0; i < l->n_faces; i++) {
        if (must_be_found(w, &l->faces[i]) == must)
            row_face[rows++] = i;
    }
    for (int r = 0; r < rows; r++) {
        const struct mark *f = &l->faces[row_face[r]];
        for (int c = 0; c < l->n_seen; c++) {
            const struct mark *k = &l->seen[c];
            bool free = face_of[c] == NOBODY && w->s->tracks[k->who].record;
            float cost = free ? unlike(&f->box, &k->box) : INFINITY;
            bool same = w->latest[f->who] == k->who;
            w->cost[r * l->n_seen + c] = cost - (same && !isinf(cost) ? 10 : 0);
        }
    }
    assign(w->cost, rows, l->n_seen, 100, col_of);
    for (int r = 0; r < rows; r++) {
        if (col_of[r] >= 0)
            face_of[col_of[r]] = row_face[r];
    }
}

static int *cell(const struct work *w, int *table, int person, int track)
{
    return &table[(size_t)person * (size_t)w->s->n_tracks + (size_t)track];
}

static void count_pairs(struct work *w, const struct look *l, const struct mark *seen)
{
    for (int i = 0; i < l->n_faces; i++) {
        const struct mark *f = &l->faces[i];
        if (must_be_found(w, f) && !isinf(unlike(&f->box, &seen->box)))
            ++*cell(w, w->pairs, f->who, seen->who);
    }
}

static void meet(struct work *w, const struct mark *face, const struct mark *seen)
{
    ++*cell(w, w->shown, face->who, seen->who);
    if (must_be_found(w, face)) {
        w->sum->matched++;
        w->matched[face->who]++;
        if (w->latest[face->who] != NOBODY && w->latest[face->who] != seen->who)
            w->sum->switches++;
        w->latest[face->who] = seen->who;
    }
}

static void judge(struct work *w, const struct look *l)
{
    int face_of[SCORE_MANY];
    for (int c = 0; c < l->n_seen; c++)
        face_of[c] = NOBODY;
    pair(w, l, true, face_of);
    pair(w, l, false, face_of);
    for (int i = 0; i < l->n_faces; i++) {
        bool must = must_be_found(w, &l->faces[i]);
        w->sum->faces += must;
        w->visible[l->faces[i].who] += must;
    }
    for (int c = 0; c < l->n_seen; c++) {
        const struct mark *k = &l->seen[c];
        if (!w->s->tracks[k->who].record)
            continue;
        const struct mark *f = face_of[c] == NOBODY ? NULL : &l->faces[face_of[c]];
        w->sightings[k->who]++;
        w->sum->wrong += !f;
        if (f)
            meet(w, f, k);
        if (f && !must_be_found(w, f))
            continue; /* not asked for */
        w->judged[k->who]++;
        count_pairs(w, l, k);
    }
}

/* ------------------------------------------------------------- over all pictures --- */

/* The track of each person, or NOBODY, so that the sum over a table is the largest. `tracks` are
 * the n that take part. */
static void share_out(struct work *w, int *table, const int *tracks, int n, int *track_of_person)
{
    const struct score *s = w->s;
    for (int p = 0; p < s->n_people; p++) {
        for (int c = 0; c < n; c++)
            w->cost[p * n + c] = -(float)*cell(w, table, p, tracks[c]);
    }
    assign(w->cost, s->n_people, n, -0.5f, track_of_person);
    for (int p = 0; p < s->n_people; p++)
        track_of_person[p] = track_of_person[p] < 0 ? NOBODY : tracks[track_of_person[p]];
}

static void identities(struct work *w)
{
    int of[SCORE_MANY];
    share_out(w, w->pairs, w->records, w->n_records, of);
    long right = 0, sightings = 0;
    for (int p = 0; p < w->s->n_people; p++)
        right += of[p] == NOBODY ? 0 : *cell(w, w->pairs, p, of[p]);
    for (int c = 0; c < w->n_records; c++)
        sightings += w->judged[w->records[c]];
    long all = w->sum->faces + sightings;
    w->sum->idf1 = all > 0 ? 2.0 * (double)right / (double)all : NAN;
}

static bool shows_a_second(const struct work *w, int track, int owner)
{
    for (int p = 0; p < w->s->n_people; p++) {
        int n = *cell(w, w->shown, p, track);
        if (p != owner && n >= SECOND_PICTURES && n * SECOND_SHARE >= w->sightings[track])
            return true;
    }
    return false;
}

static int owner_of(const struct score *s, const int *track_of_person, int track)
{
    for (int p = 0; p < s->n_people; p++) {
        if (track_of_person[p] == track)
            return p;
    }
    return NOBODY;
}

static int most_shown(const struct work *w, int track)
{
    int most = 0;
    for (int p = 1; p < w->s->n_people; p++) {
        if (*cell(w, w->shown, p, track) > *cell(w, w->shown, most, track))
            most = p;
    }
    return most;
}

static void judge_records(struct work *w)
{
    int of[SCORE_MANY];
    struct score_sum *sum = w->sum;
    for (int c = 0; c < w->n_records; c++) {
        int shown = 0, track = w->records[c];
        for (int p = 0; p < w->s->n_people; p++)
            shown += *cell(w, w->shown, p, track);
        if (2 * shown > w->sightings[track])
            w->real[w->n_real++] = track;
    }
    sum->records = w->n_records;
    sum->extra = w->n_records - w->n_real;
    share_out(w, w->shown, w->real, w->n_real, of);
    for (int p = 0; p < w->s->n_people; p++)
        sum->missed += w->s->people[p].counts && of[p] == NOBODY;
    for (int c = 0; c < w->n_real; c++) {
        int owner = owner_of(w->s, of, w->real[c]);
        sum->doubled += owner == NOBODY;
        sum->swapped +=
                shows_a_second(w, w->real[c], owner == NOBODY ? most_shown(w, w->real[c]) : owner);
    }
}

static void add_up(struct work *w)
{
    const struct score *s = w->s;
    struct score_sum *sum = w->sum;
    for (int i = 0; i < s->n_looks; i++)
        judge(w, &s->looks[i]);
    for (int p = 0; p < s->n_people; p++) {
        sum->people += s->people[p].counts;
        sum->mostly_tracked += w->visible[p] > 0 && w->matched[p] >= MOSTLY * w->visible[p];
    }
    sum->pictures = s->n_looks;
    sum->missing = sum->faces - sum->matched;
    long errors = sum->missing + sum->wrong + sum->switches;
    sum->mota = sum->faces > 0 ? 1 - (double)errors / (double)sum->faces : NAN;

    for (int i = 0; i < s->n_tracks; i++) {
        if (s->tracks[i].record)
            w->records[w->n_records++] = i;
    }
    identities(w);
    judge_records(w);
}

int score_sum(const struct score *s, struct score_sum *ret)
{
    int n = 0;
    for (int i = 0; i < s->n_tracks; i++)
        n += s->tracks[i].record;
    if (s->n_people > SCORE_MANY || n > SCORE_MANY)
        return -E2BIG;
    size_t people = (size_t)s->n_people + 1, tracks = (size_t)s->n_tracks + 1;
    struct work *w = mem_new(1, sizeof(*w));
    *ret = (struct score_sum){0};
    w->s = s;
    w->sum = ret;
    w->pairs = mem_new(people * tracks, sizeof(int));
    w->shown = mem_new(people * tracks, sizeof(int));
    w->judged = mem_new(tracks, sizeof(int));
    w->sightings = mem_new(tracks, sizeof(int));
    w->visible = mem_new(people, sizeof(int));
    w->matched = mem_new(people, sizeof(int));
    w->latest = mem_new(people, sizeof(int));
    for (size_t i = 0; i < people; i++)
        w->latest[i] = NOBODY;
    add_up(w);
    free(w->pairs);
    free(w->shown);
    free(w->judged);
    free(w->sightings);
    free(w->visible);
    free(w->matched);
    free(w->latest);
    free(w);
    return 0;
}
