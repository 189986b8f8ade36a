/* needs: flow/polygon */
#include "flow/polygon.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static unsigned seed;

static float unit(void)
{
    return (float)rand_r(&seed) / (float)RAND_MAX;
}

static struct point anywhere(void)
{
    return (struct point){unit(), unit()};
}

static bool holds(const struct polygon *p, float x, float y)
{
    return polygon_holds(p, (struct point){x, y});
}

static const struct polygon square = {4, {{0, 0}, {0.5f, 0}, {0.5f, 1}, {0, 1}}};
static const struct polygon notched = {
        7, {{0, 0}, {1, 0}, {1, 1}, {0.75f, 1}, {0.5f, 0.25f}, {0.25f, 1}, {0, 1}}};

static void inside_outside_and_on_the_border(void **state)
{
    (void)state;
    assert_true(holds(&square, 0.25f, 0.5f));
    assert_false(holds(&square, 0.51f, 0.5f));
    /* corners, edges, the picture's own edge */
    assert_true(holds(&square, 0, 0) && holds(&square, 0.5f, 0) && holds(&square, 0.5f, 1));
    assert_true(holds(&square, 0.5f, 0.3f) && holds(&square, 0.2f, 0) && holds(&square, 0, 0.7f));
    /* in line with an edge or a corner, and outside */
    assert_false(holds(&square, 0.75f, 0) || holds(&square, 0.75f, 1));
    /* a dent */
    assert_false(holds(&notched, 0.5f, 0.5f));
    assert_true(holds(&notched, 0.5f, 0.25f) && holds(&notched, 0.5f, 0.1f));
    assert_true(holds(&notched, 0.1f, 0.9f) && holds(&notched, 0.9f, 0.9f));
    assert_false(holds(&square, NAN, 0.5f) || holds(&square, 0.2f, NAN));
}

static void of_a_polygon_that_crosses_itself_the_even_parts_are_out(void **state)
{
    (void)state;
    const struct polygon bow_tie = {4, {{0, 0}, {1, 1}, {1, 0}, {0, 1}}};
    assert_true(holds(&bow_tie, 0.1f, 0.5f) && holds(&bow_tie, 0.9f, 0.5f));
    assert_false(holds(&bow_tie, 0.5f, 0.1f) || holds(&bow_tie, 0.5f, 0.9f));
    struct polygon star = {.n = 5};
    for (int i = 0; i < 5; i++) {
        float angle = (float)(M_PI * (-0.5 + 0.8 * i));
        star.point[i] = (struct point){0.5f + 0.5f * cosf(angle), 0.5f + 0.5f * sinf(angle)};
    }
    assert_false(holds(&star, 0.5f, 0.5f));
    assert_true(holds(&star, 0.5f, 0.1f));
}

static void what_has_no_area_is_flat(void **state)
{
    (void)state;
    const struct polygon line = {4, {{0.1f, 0.1f}, {0.9f, 0.9f}, {0.5f, 0.5f}, {0.3f, 0.3f}}};
    const struct polygon dot = {3, {{0.4f, 0.4f}, {0.4f, 0.4f}, {0.4f, 0.4f}}};
    const struct polygon bow_tie = {4, {{0, 0}, {1, 1}, {1, 0}, {0, 1}}}; /* its areas cancel */
    assert_true(polygon_flat(&line) && polygon_flat(&dot));
    assert_false(polygon_flat(&bow_tie) || polygon_flat(&square) || polygon_flat(&notched));
    assert_true(holds(&line, 0.5f, 0.5f) && holds(&dot, 0.4f, 0.4f)); /* a border all the same */
    assert_false(holds(&line, 0.5f, 0.51f) || holds(&dot, 0.4f, 0.41f));
}

/* Corners at rising angles around a centre: a point is inside if it is nearer than the edge. */
static void random_stars_hold_what_is_nearer_than_their_edge(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct polygon p = {.n = 3 + rand_r(&seed) % (POLYGON_POINTS - 2)};
        double angle[POLYGON_POINTS], radius[POLYGON_POINTS];
        for (int i = 0; i < p.n; i++) {
            angle[i] = 2 * M_PI * (i + 0.8 * (double)unit()) / p.n;
            radius[i] = 0.05 + 0.4 * (double)unit();
            p.point[i] = (struct point){(float)(0.5 + radius[i] * cos(angle[i])),
                    (float)(0.5 + radius[i] * sin(angle[i]))};
        }
        for (int k = 0; k < 20; k++) {
            /* On the ray through a place on an edge, before and behind it. */
            int i = rand_r(&seed) % p.n, j = (i + 1) % p.n;
            double turn = angle[j] - angle[i] + (j ? 0 : 2 * M_PI);
            if (turn > 3)
                continue; /* the centre is not inside of so wide an edge */
            float t = unit();
            float x = p.point[i].x + t * (p.point[j].x - p.point[i].x) - 0.5f;
            float y = p.point[i].y + t * (p.point[j].y - p.point[i].y) - 0.5f;
            float in = 0.05f + 0.9f * unit();
            assert_true(p.n < 5 || holds(&p, 0.5f + x * in, 0.5f + y * in));
            assert_false(holds(&p, 0.5f + x * 1.01f, 0.5f + y * 1.01f) && p.n >= 5);
            assert_true(holds(&p, p.point[i].x, p.point[i].y));
        }
    }
}

/* Neither where the list begins nor its direction changes what a polygon holds. */
static void any_polygon_is_the_same_from_every_corner(void **state)
{
    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct polygon p = {.n = 3 + rand_r(&seed) % (POLYGON_POINTS - 2)}, q = p;
        bool coarse = round % 2; /* on a grid, so that corners and edges are hit */
        for (int i = 0; i < p.n; i++) {
            struct point at = anywhere();
            p.point[i] = coarse ? (struct point){roundf(at.x * 4) / 4, roundf(at.y * 4) / 4} : at;
        }
        int shift = rand_r(&seed) % p.n;
        for (int i = 0; i < p.n; i++) {
            int from = round % 3 ? i + shift : p.n - 1 - i + shift;
            q.point[i] = p.point[from % p.n];
        }
        struct box around = polygons_bounds(&(struct polygons){1, {p}});
        for (int k = 0; k < 40; k++) {
            struct point at = anywhere();
            if (coarse)
                at = (struct point){roundf(at.x * 8) / 8, roundf(at.y * 8) / 8};
            assert_int_equal(polygon_holds(&p, at), polygon_holds(&q, at));
            bool near = at.x >= around.x && at.x <= around.x + around.w && at.y >= around.y &&
                        at.y <= around.y + around.h;
            assert_true(near || !polygon_holds(&p, at));
        }
    }
}

static void several_hold_what_one_of_them_does(void **state)
{
    (void)state;
    struct polygons none = {0}, two = {2, {square, {3, {{0.8f, 0.2f}, {1, 0.2f}, {1, 0.5f}}}}};
    assert_false(polygons_hold(&none, (struct point){0.5f, 0.5f}));
    assert_true(polygons_hold(&two, (struct point){0.1f, 0.5f}));
    assert_true(polygons_hold(&two, (struct point){0.95f, 0.3f}));
    assert_false(polygons_hold(&two, (struct point){0.6f, 0.9f}));
    struct box all = polygons_bounds(&none), around = polygons_bounds(&two);
    assert_true(all.x == 0 && all.y == 0 && all.w == 1 && all.h == 1);
    assert_true(around.x == 0 && around.y == 0 && around.w == 1 && around.h == 1);

    struct polygons other = two;
    memset(&other.list[2], 77, sizeof(other.list[2])); /* what is beyond the count is nothing */
    assert_true(polygons_same(&two, &other));
    other.list[1].point[2].y = 0.51f;
    assert_false(polygons_same(&two, &other));
    other = two;
    other.list[1].n = 2;
    assert_false(polygons_same(&two, &other));
    other = two;
    other.n = 1;
    assert_false(polygons_same(&two, &other) || polygons_same(&none, &other));
}

int main(void)
{
    const char *given = getenv("SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(inside_outside_and_on_the_border),
            cmocka_unit_test(of_a_polygon_that_crosses_itself_the_even_parts_are_out),
            cmocka_unit_test(what_has_no_area_is_flat),
            cmocka_unit_test(random_stars_hold_what_is_nearer_than_their_edge),
            cmocka_unit_test(any_polygon_is_the_same_from_every_corner),
            cmocka_unit_test(several_hold_what_one_of_them_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
