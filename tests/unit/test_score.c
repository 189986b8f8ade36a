/* needs: app/score track/assign flow/box base/mem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/score.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A picture in words: who is where (in columns of 100 px), and which tracks were found there. */
struct scene {
    struct score *s;
    int n_faces, n_seen;
    struct score_face faces[8];
    struct score_seen seen[8];
};

static struct box column(float x)
{
    return (struct box){100 * x, 50, 40, 50};
}

static void face(struct scene *c, int id, float x, float visible)
{
    c->faces[c->n_faces++] = (struct score_face){id, column(x), visible};
}

static void found(struct scene *c, uint64_t track, float x)
{
    c->seen[c->n_seen++] = (struct score_seen){track, column(x)};
}

static void click(struct scene *c)
{
    score_picture(c->s, c->faces, c->n_faces, c->seen, c->n_seen);
    c->n_faces = c->n_seen = 0;
}

static struct scene people(int n)
{
    struct scene c = {.s = score_new()};
    for (int i = 1; i <= n; i++)
        score_person(c.s, i, true);
    return c;
}

static struct score_sum sum_of(struct scene *c, int records)
{
    struct score_sum sum;
    for (int i = 1; i <= records; i++)
        score_record(c->s, (uint64_t)i);
    assert_int_equal(score_sum(c->s, &sum), 0);
    score_free(c->s);
    return sum;
}

static void records_are(const struct score_sum *s, int missed, int doubled, int swapped, int extra)
{
    assert_int_equal(s->missed, missed);
    assert_int_equal(s->doubled, doubled);
    assert_int_equal(s->swapped, swapped);
    assert_int_equal(s->extra, extra);
}

static void near(double a, double b)
{
    assert_true(fabs(a - b) < 1e-9);
}

static void all_right_is_one(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        face(&c, 2, 3, 1);
        found(&c, 1, 1);
        found(&c, 2, 3);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 2);
    records_are(&s, 0, 0, 0, 0);
    near(s.mota, 1);
    near(s.idf1, 1);
    assert_int_equal(s.people, 2);
    assert_int_equal(s.records, 2);
    assert_int_equal(s.mostly_tracked, 2);
    assert_int_equal(s.switches, 0);
    assert_int_equal(s.pictures, 10);
}

static void nothing_at_all(void **state)
{
    (void)state;
    struct scene c = people(0);
    click(&c);
    struct score_sum s = sum_of(&c, 0);
    records_are(&s, 0, 0, 0, 0);
    assert_true(isnan(s.mota) && isnan(s.idf1));
}

static void one_is_missed(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        face(&c, 2, 3, 1);
        found(&c, 1, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 1);
    records_are(&s, 1, 0, 0, 0);
    near(s.mota, 0.5);
    near(s.idf1, 2.0 * 10 / (20 + 10));
    assert_int_equal(s.mostly_tracked, 1);
}

static void a_new_record_in_the_middle_doubles(void **state)
{
    (void)state;
    struct scene c = people(1);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        found(&c, i < 6 ? 1 : 2, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 2);
    records_are(&s, 0, 1, 0, 0);
    assert_int_equal(s.switches, 1);
    near(s.mota, 0.9);
    near(s.idf1, 2.0 * 6 / 20);
    assert_int_equal(s.mostly_tracked, 1); /* whoever he was taken for */
}

static void two_who_exchange_their_names(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        face(&c, 2, 3, 1);
        found(&c, i < 6 ? 1 : 2, 1);
        found(&c, i < 6 ? 2 : 1, 3);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 2);
    records_are(&s, 0, 0, 2, 0);
    assert_int_equal(s.switches, 2);
    near(s.idf1, 2.0 * 12 / 40);
}

static void one_record_for_two_misses_one(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, i < 6 ? 1 : 2, 1, 1);
        found(&c, 1, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 1);
    records_are(&s, 1, 0, 1, 0);
    near(s.mota, 1);
    near(s.idf1, 0.6);
}

static void a_moment_of_another_is_no_swap(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        face(&c, 2, 3, 1);
        found(&c, i == 5 || i == 6 ? 2 : 1, 1);
        found(&c, i == 5 || i == 6 ? 1 : 2, 3);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 2);
    records_are(&s, 0, 0, 0, 0);
    assert_int_equal(s.switches, 4);
}

static void nobody_is_extra(void **state)
{
    (void)state;
    struct scene c = people(1);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        found(&c, 1, 1);
        found(&c, 2, 6);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 2);
    records_are(&s, 0, 0, 0, 1);
    near(s.mota, 0);
    near(s.idf1, 2.0 * 10 / 30);
    assert_int_equal(s.wrong, 10);
}

static void a_track_without_a_record_is_no_news(void **state)
{
    (void)state;
    struct scene c = people(1);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 1);
        found(&c, 1, 1);
        found(&c, 2, 6);
        found(&c, 3, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 1);
    records_are(&s, 0, 0, 0, 0);
    near(s.mota, 1);
    near(s.idf1, 1);
}

/* Hidden: to be found by nobody, and who finds him all the same is right. */
static void the_hidden_are_neither_missing_nor_wrong(void **state)
{
    (void)state;
    struct scene c = people(1);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, i >= 4 && i < 7 ? 0.3f : 1);
        if (i != 5)
            found(&c, 1, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 1);
    records_are(&s, 0, 0, 0, 0);
    assert_int_equal(s.faces, 7);
    near(s.mota, 1);
    near(s.idf1, 1);
}

static void the_one_in_front_is_meant(void **state)
{
    (void)state;
    struct scene c = people(2);
    for (int i = 0; i < 10; i++) {
        face(&c, 1, 1, 0.1f); /* the same place, listed first, hidden */
        face(&c, 2, 1, 1);
        found(&c, 1, 1);
        click(&c);
    }
    struct score_sum s = sum_of(&c, 1);
    assert_int_equal(s.matched, 10);
    records_are(&s, 1, 0, 0, 0); /* the hidden one */
}

/* Who does not count may have a record, not two. */
static void who_does_not_count(void **state)
{
    (void)state;
    for (int records = 0; records <= 2; records++) {
        struct scene c = people(1);
        score_person(c.s, 2, false);
        for (int i = 0; i < 10; i++) {
            face(&c, 1, 1, 1);
            face(&c, 2, 3, 1);
            found(&c, 1, 1);
            if (records > 0)
                found(&c, i < 5 ? 2 : 1 + (uint64_t)records, 3);
            click(&c);
        }
        struct score_sum s = sum_of(&c, 1 + records);
        records_are(&s, 0, records == 2, 0, 0);
        assert_int_equal(s.people, 1);
        near(s.mota, 1);
        near(s.idf1, 1);
    }
}

static void a_small_face_may_tremble(void **state)
{
    (void)state;
    const struct box true_box = {100, 100, 12, 15}, beside = {102, 104, 12, 15};
    const struct box away = {110, 100, 12, 15}, large = {90, 90, 32, 35};
    const struct {
        struct box box;
        bool same;
    } cases[] = {{true_box, true}, {beside, true}, {away, false}, {large, false}};
    for (size_t i = 0; i < 4; i++) {
        struct scene c = people(1);
        c.faces[c.n_faces++] = (struct score_face){1, true_box, 1};
        c.seen[c.n_seen++] = (struct score_seen){1, cases[i].box};
        click(&c);
        struct score_sum s = sum_of(&c, 1);
        assert_int_equal(s.matched, cases[i].same);
    }
}

static void insane_boxes_are_left_out(void **state)
{
    (void)state;
    struct scene c = people(1);
    c.seen[c.n_seen++] = (struct score_seen){1, {NAN, 0, 1, 1}};
    c.faces[c.n_faces++] = (struct score_face){1, {0, 0, -4, 1}, 1};
    c.faces[c.n_faces++] = (struct score_face){7, column(1), 1}; /* whom nobody knows */
    click(&c);
    struct score_sum s = sum_of(&c, 0);
    assert_int_equal(s.faces, 0);
}

static void too_many_are_refused(void **state)
{
    (void)state;
    struct score *s = score_new();
    struct score_sum sum;
    for (uint64_t i = 1; i <= SCORE_MANY + 1; i++)
        score_record(s, i);
    assert_int_equal(score_sum(s, &sum), -E2BIG);
    score_free(s);
    score_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_right_is_one),
            cmocka_unit_test(nothing_at_all),
            cmocka_unit_test(one_is_missed),
            cmocka_unit_test(a_new_record_in_the_middle_doubles),
            cmocka_unit_test(two_who_exchange_their_names),
            cmocka_unit_test(one_record_for_two_misses_one),
            cmocka_unit_test(a_moment_of_another_is_no_swap),
            cmocka_unit_test(nobody_is_extra),
            cmocka_unit_test(a_track_without_a_record_is_no_news),
            cmocka_unit_test(the_hidden_are_neither_missing_nor_wrong),
            cmocka_unit_test(the_one_in_front_is_meant),
            cmocka_unit_test(who_does_not_count),
            cmocka_unit_test(a_small_face_may_tremble),
            cmocka_unit_test(insane_boxes_are_left_out),
            cmocka_unit_test(too_many_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
