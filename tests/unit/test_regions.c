/* needs: vision/regions vision/yunet flow/box */
#include "flow/box.h"
#include "flow/scale.h"
#include "vision/regions.h"
#include "vision/yunet.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "kit_random.h"

#define W     1920
#define H     1080
#define BLOCK 60
#define SINCE INT64_C(5000000)

static struct change_map map;
static struct expected people[SIGHTINGS_MAX];
static int n_people;
static struct regions found;

static int below(int n)
{
    return (int)(draw() * (float)n * 0.999f);
}

static void begin(int width, int height)
{
    int longer = width > height ? width : height;
    memset(&map, 0, sizeof(map));
    map.block = (longer + CHANGE_SIDE - 1) / CHANGE_SIDE;
    map.cols = (width + map.block - 1) / map.block;
    map.rows = (height + map.block - 1) / map.block;
    n_people = 0;
}

static void change(int col, int row)
{
    map.at_us[row * map.cols + col] = SINCE + 1;
}

static void person(float x, float y, float w, bool open)
{
    people[n_people++] = (struct expected){.box = {x, y, w, 1.2f * w}, .open = open};
}

static bool plan(int width, int height)
{
    struct regions_wish wish = {width, height, 640, &map, SINCE, people, n_people};
    memset(&found, 0xaa, sizeof(found));
    return regions_plan(&wish, &found);
}

static bool holds_point(float x, float y)
{
    return regions_hold(&found, &(struct box){x, y, 0, 0});
}

static bool holds_all(const struct box *b)
{
    for (int i = 0; i < found.n; i++) {
        struct box r = regions_box(&found, i);
        if (b->x >= r.x && b->y >= r.y && b->x + b->w <= r.x + r.w && b->y + b->h <= r.y + r.h)
            return true;
    }
    return false;
}

/* Each has somewhere to begin for scale_part(), lies in the picture, and touches no other. */
static void check_shape(int width, int height)
{
    assert_in_range(found.n, 0, REGIONS_MAX);
    for (int i = 0; i < found.n; i++) {
        const struct tile *t = &found.list[i];
        assert_true(t->x >= 0 && t->y >= 0 && t->w > 0 && t->h > 0);
        assert_true(t->x + t->w <= width && t->y + t->h <= height);
        assert_int_equal(t->x % SCALE_STEP_X, 0);
        assert_int_equal(t->y % SCALE_STEP_Y, 0);
        for (int k = 0; k < i; k++) {
            const struct tile *o = &found.list[k];
            assert_true(t->x >= o->x + o->w || o->x >= t->x + t->w || t->y >= o->y + o->h ||
                        o->y >= t->y + t->h);
        }
    }
}

static int cells(void)
{
    int n = 0;
    for (int i = 0; i < found.n; i++) {
        struct yunet_size s = yunet_size_at(found.list[i].w, found.list[i].h, found.scale);
        n += s.w * s.h;
    }
    return n;
}

static void nothing_new_is_not_looked_at(void **state)
{
    (void)state;
    begin(W, H);
    person(400, 300, 100, false);
    assert_true(plan(W, H));
    assert_int_equal(found.n, 0);
}

static void what_is_open_is_looked_at(void **state)
{
    (void)state;
    begin(W, H);
    person(400, 300, 100, true);
    person(1400, 300, 100, false);
    assert_true(plan(W, H));
    assert_int_equal(found.n, 1);
    assert_true(holds_all(&people[0].box));
    assert_false(regions_hold(&found, &people[1].box));
    check_shape(W, H);
    assert_true(cells() < 640 * 384 / 8);
    /* Outside of the picture there is nothing to look at. */
    people[0].box.x = -500;
    assert_true(plan(W, H));
    assert_int_equal(found.n, 0);
}

static void what_moves_below_a_known_face_is_its_body(void **state)
{
    (void)state;
    begin(W, H);
    person(900, 200, 100, false);
    for (int row = 7; row < 14; row++)
        change(15, row); /* x from 900 on, y from 420 on: the face ends at 320 */
    assert_true(plan(W, H));
    assert_int_equal(found.n, 0);
    people[0].open = true; /* nobody knows yet whose body it is */
    assert_true(plan(W, H));
    assert_true(holds_point(930, 700));
    people[0].open = false;
    change(15, 4); /* and what moves in his face is looked at, with all of it */
    assert_true(plan(W, H));
    assert_true(holds_all(&people[0].box));
}

static bool familiar(void)
{
    struct regions_wish wish = {W, H, 640, &map, SINCE, people, n_people};
    return regions_familiar(&wish);
}

/* Only what moves with people who are known and apart may go unseen for a moment. */
static void what_is_familiar_is_of_known_people_apart(void **state)
{
    (void)state;
    begin(W, H);
    assert_false(familiar()); /* nobody */
    person(900, 200, 100, false);
    person(1300, 200, 100, false);
    assert_true(familiar());
    change(15, 4); /* in his face */
    change(16, 9); /* his body */
    change(13, 5); /* and his shoulder: x from 780, y from 300 on */
    assert_true(familiar());
    people[1].open = true;
    assert_false(familiar());
    people[1].open = false;
    people[1].doubt = 0.3f; /* and does not move */
    assert_true(familiar());
    people[0].doubt = 0.3f; /* turns */
    assert_false(familiar());
    people[0].doubt = 0.1f;
    assert_true(familiar());
    change(5, 5); /* who is that? */
    assert_false(familiar());
    begin(W, H);
    person(900, 200, 100, false);
    person(1080, 200, 100, false); /* so near that they may meet */
    assert_false(familiar());
    map.cols = map.rows = 0;
    n_people = 1;
    assert_false(familiar());
}

static void all_of_it_is_not_looked_at_in_parts(void **state)
{
    (void)state;
    begin(W, H);
    for (int i = 0; i < map.cols * map.rows; i++)
        map.at_us[i] = SINCE + 1;
    assert_false(plan(W, H));
    map.cols = map.rows = 0; /* nothing is known of what changed */
    assert_false(plan(W, H));
}

/* Whatever changes and whoever is there: all that is new and nobody's body is looked at, everybody
 * either as a whole or not at all, and never for more than the whole picture costs. */
static void nobody_is_looked_at_by_half(void **state)
{
    (void)state;
    static const int sizes[][2] = {
            {1920, 1080}, {640, 360}, {1080, 1920}, {768, 432}, {3840, 2160}, {352, 288}, {33, 40}};
    int parts = 0;
    for (unsigned round = 1; round <= 3000; round++) {
        const int *size = sizes[round % 7];
        seed = round;
        begin(size[0], size[1]);
        for (int i = below(12); i > 0; i--)
            change(below(map.cols), below(map.rows));
        for (int i = below(6); i > 0; i--) {
            float w = (float)size[0] * (0.02f + 0.1f * draw());
            person((float)size[0] * (1.2f * draw() - 0.1f), (float)size[1] * (1.2f * draw() - 0.1f),
                    w, below(3) == 0);
        }
        if (!plan(size[0], size[1]))
            continue;
        parts++;
        check_shape(size[0], size[1]);
        struct yunet_size whole = yunet_size(size[0], size[1], 640);
        assert_true(cells() <= whole.w * whole.h);
        for (int i = 0; i < n_people; i++) {
            struct box in = people[i].box;
            float right = fminf(in.x + in.w, (float)size[0]);
            float bottom = fminf(in.y + in.h, (float)size[1]);
            in.x = fmaxf(in.x, 0);
            in.y = fmaxf(in.y, 0);
            in.w = right - in.x;
            in.h = bottom - in.y;
            if (in.w < 1 || in.h < 1)
                continue;
            bool all = holds_all(&in), none = true;
            for (int k = 0; k < found.n; k++) {
                struct box region = regions_box(&found, k);
                none &= box_iou(&region, &in) <= 0;
            }
            assert_true(all || (none && !people[i].open));
        }
    }
    assert_true(parts > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_new_is_not_looked_at),
            cmocka_unit_test(what_is_open_is_looked_at),
            cmocka_unit_test(what_moves_below_a_known_face_is_its_body),
            cmocka_unit_test(what_is_familiar_is_of_known_people_apart),
            cmocka_unit_test(all_of_it_is_not_looked_at_in_parts),
            cmocka_unit_test(nobody_is_looked_at_by_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
