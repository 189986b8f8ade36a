/* needs: flow/event flow/face flow/age base/mem base/mono base/when */
#include "kit_store.h"

#include "base/mono.h"

static const struct envelope env = {"0190aaaa-0000-7000-8000-000000000000", "lobby", 1234};

static void an_end_has_exactly_the_keys_and_forms_of_the_contract(void **state)
{
    (void)state;
    struct event *ev = kit_event(EVENT_END, 0);
    ev->time_us = KIT_START + 7241000;
    char *json = event_json(ev, &env);
    char *sent = event_json_send(json, 5678, KIT_START + 7257999, false);
    assert_string_equal(sent,
            "{\"v\":1,\"type\":\"end\",\"epoch\":\"0190aaaa-0000-7000-8000-000000000000\","
            "\"msg\":5678,\"id\":\"01900000-0000-7000-8000-000000000000\",\"seq\":1234,"
            "\"node\":\"lobby\",\"camera\":\"door\","
            "\"start_time\":\"2026-11-23T16:40:08.120Z\",\"end_time\":\"2026-11-23T16:40:12.345Z\","
            "\"duration_s\":4.225,\"end_reason\":\"left\",\"time\":\"2026-11-23T16:40:15.361Z\","
            "\"published\":\"2026-11-23T16:40:15.377Z\",\"replayed\":false,"
            "\"face\":{\"box\":[0.41,0.22,0.06,0.11],\"width_px\":84,\"score\":0.93,"
            "\"samples\":6},"
            "\"age\":{\"range\":\"25-32\",\"years\":29.4,\"probability\":0.71,\"unknown\":null},"
            "\"gender\":{\"value\":\"female\",\"probability\":0.97,\"unknown\":null},"
            "\"models\":{\"detector\":\"yunet\",\"attributes\":\"xception\"}}");
    free(sent);
    free(json);
    event_free(ev);
}

static void before_the_end_there_is_no_end(void **state)
{
    (void)state;
    const enum event_type types[] = {EVENT_NEW, EVENT_UPDATE};
    for (int i = 0; i < 2; i++) {
        struct event *ev = kit_event(types[i], 0);
        char *json = event_json(ev, &env);
        assert_non_null(strstr(json, "\"seq\":null"));
        assert_non_null(strstr(json, "\"end_time\":null"));
        assert_non_null(strstr(json, "\"end_reason\":null"));
        assert_non_null(strstr(json, "\"duration_s\":4.225"));
        assert_non_null(strstr(json, "\"msg\":0"));
        assert_non_null(strstr(json, "\"published\":null,\"replayed\":false"));
        free(json);
        event_free(ev);
    }
}

static void of_value_and_reason_exactly_one_is_null(void **state)
{
    (void)state;
    for (int u = UNKNOWN_NOT; u < UNKNOWN_COUNT; u++) {
        struct event *ev = kit_event(EVENT_NEW, 0);
        ev->record.answers.age_unknown = (enum unknown)u;
        ev->record.answers.gender_unknown = (enum unknown)u;
        if (u != UNKNOWN_NOT) {
            ev->record.answers.age_range = -1;
            ev->record.answers.age_years = NAN;
        }
        char *json = event_json(ev, &env);
        char expected[80];
        if (u != UNKNOWN_NOT) {
            (void)snprintf(expected, sizeof(expected),
                    "\"range\":null,\"years\":null,\"probability\":null,\"unknown\":\"%s\"",
                    unknown_name((enum unknown)u));
            assert_non_null(strstr(json, expected));
        }
        (void)snprintf(expected, sizeof(expected), "\"value\":%s",
                u == UNKNOWN_NOT ? "\"female\"" : "null,\"probability\":null,\"unknown\":\"");
        assert_non_null(strstr(json, expected));
        free(json);
        event_free(ev);
    }
}

static void what_was_not_measured_is_null(void **state)
{
    (void)state;
    struct event *ev = kit_event(EVENT_NEW, 0);
    ev->record.answers.age_years = NAN;
    ev->record.answers.age_probability = NAN;
    ev->record.score = INFINITY;
    char *json = event_json(ev, &env);
    assert_non_null(strstr(json, "\"range\":\"25-32\",\"years\":null,\"probability\":null"));
    assert_non_null(strstr(json, "\"score\":null"));
    free(json);
    event_free(ev);
}

static void only_three_types_have_a_message(void **state)
{
    (void)state;
    const enum event_type silent[] = {EVENT_SEEN, EVENT_OBSERVATION, EVENT_CAMERA};
    for (int i = 0; i < 3; i++) {
        struct event *ev = event_new(silent[i], "door");
        assert_null(event_json(ev, &env));
        assert_null(event_type_name(silent[i]));
        event_free(ev);
    }
}

static void sending_changes_three_values_and_nothing_else(void **state)
{
    (void)state;
    unsigned seed = kit_seed();
    for (int i = 0; i < 500; i++) {
        struct event *ev = kit_event(EVENT_UPDATE, i);
        ev->record.box.x = (float)rand_r(&seed) / (float)RAND_MAX;
        ev->record.score = (float)rand_r(&seed) / (float)RAND_MAX;
        ev->record.answers.age_years = (float)rand_r(&seed) / (float)RAND_MAX * 100;
        ev->record.end_us += rand_r(&seed);
        char *json = event_json(ev, &env);
        char *first = event_json_send(json, 7, KIT_START, true);
        char *again = event_json_send(first, 7, KIT_START, true);
        assert_string_equal(first, again);
        const char *numbers = strstr(first, "\"face\"");
        assert_null(strstr(numbers, "000000")); /* no 0.41000000000000003 */
        assert_null(strstr(numbers, "999999"));
        /* The same up to msg, and from the face on. */
        assert_memory_equal(json, first, (size_t)(strstr(json, "\"msg\"") - json));
        assert_string_equal(strstr(json, "\"face\""), strstr(first, "\"face\""));
        free(again);
        free(first);
        free(json);
        event_free(ev);
    }
    assert_null(event_json_send("nonsense", 1, 0, false));
    assert_null(event_json_send("[1]", 1, 0, false));
}

static void a_lost_message_has_its_own_keys(void **state)
{
    (void)state;
    char *json = event_json_lost(&env, KIT_START, 65, 100);
    char *sent = event_json_send(json, 101, KIT_START + 1000, true);
    assert_string_equal(sent,
            "{\"v\":1,\"epoch\":\"0190aaaa-0000-7000-8000-000000000000\",\"msg\":101,"
            "\"node\":\"lobby\",\"time\":\"2026-11-23T16:40:08.120Z\","
            "\"published\":\"2026-11-23T16:40:08.121Z\",\"from\":65,\"to\":100}");
    free(sent);
    free(json);
}

/* ---- squeeze ---- */

#define MANY 300

struct line {
    struct event *ev[MANY];
    size_t n;
};

static void line_add(struct line *l, enum event_type type, int person)
{
    struct event *ev = kit_event(type, person);
    if (type == EVENT_CAMERA) {
        struct event *status = event_new(EVENT_CAMERA, person % 2 ? "door" : "yard");
        event_free(ev);
        ev = status;
    }
    ev->time_us = (int64_t)l->n; /* its place in the line */
    l->ev[l->n++] = ev;
}

static bool is_repeated_later(const struct line *l, size_t at)
{
    const struct event *a = l->ev[at];
    for (size_t i = at + 1; i < l->n; i++) {
        const struct event *b = l->ev[i];
        if (a->type == EVENT_CAMERA) {
            if (b->type == EVENT_CAMERA && strcmp(a->camera, b->camera) == 0)
                return true;
            continue;
        }
        if (b->type == EVENT_CAMERA || strcmp(a->record.id, b->record.id) != 0)
            continue;
        if (a->type == EVENT_SEEN &&
                (b->type == EVENT_SEEN || b->type == EVENT_UPDATE || b->type == EVENT_END))
            return true;
        if (a->type == EVENT_UPDATE && (b->type == EVENT_UPDATE || b->type == EVENT_END))
            return true;
    }
    return false;
}

static void check_squeeze(struct line *l)
{
    int of_type[6] = {0}, left_of_type[6] = {0};
    bool repeated[MANY], kept[MANY] = {false};
    enum event_type types[MANY];
    size_t before = l->n, n_repeated = 0;
    for (size_t i = 0; i < before; i++) {
        types[i] = l->ev[i]->type;
        of_type[types[i]]++;
        repeated[i] = is_repeated_later(l, i);
        n_repeated += repeated[i];
    }
    struct event_loss loss = {0};
    l->n = event_squeeze((void **)l->ev, before, &loss);
    assert_true(l->n < before); /* there is room now */
    for (size_t i = 0; i < l->n; i++) {
        assert_true(i == 0 || l->ev[i - 1]->time_us < l->ev[i]->time_us); /* order kept */
        kept[l->ev[i]->time_us] = true;
        left_of_type[l->ev[i]->type]++;
    }
    for (size_t i = 0; i < before && n_repeated; i++)
        assert_int_equal(kept[i], !repeated[i]); /* exactly what a later one stands for */
    if (left_of_type[EVENT_NEW] == of_type[EVENT_NEW] &&
            left_of_type[EVENT_END] == of_type[EVENT_END]) {
        assert_int_equal(loss.records, 0);
        return;
    }
    /* Whole records went: so nothing else could. */
    assert_int_equal(left_of_type[EVENT_SEEN] + left_of_type[EVENT_UPDATE] +
                             left_of_type[EVENT_CAMERA] + left_of_type[EVENT_OBSERVATION],
            0);
    assert_int_equal(before, of_type[EVENT_NEW] + of_type[EVENT_END]);
    assert_true(loss.records > 0);
    assert_true(loss.from_us >= KIT_START && loss.to_us > loss.from_us);
}

static void begin_and_end_survive_while_anything_else_can_go(void **state)
{
    (void)state;
    unsigned seed = kit_seed();
    for (int round = 0; round < 300; round++) {
        struct line l = {.n = 0};
        int began = 0, people = 1 + (int)(rand_r(&seed) % 40);
        bool ended[MANY] = {false};
        size_t wanted = 1 + rand_r(&seed) % (MANY - 1);
        while (l.n < wanted) {
            int who = began ? (int)(rand_r(&seed) % (unsigned)began) : 0;
            if (began == 0 || (began < people && rand_r(&seed) % 3 == 0)) {
                line_add(&l, EVENT_NEW, began++);
            } else if (ended[who]) {
                line_add(&l, EVENT_CAMERA, who);
            } else {
                const enum event_type next[] = {
                        EVENT_SEEN, EVENT_UPDATE, EVENT_OBSERVATION, EVENT_END, EVENT_SEEN};
                enum event_type type = next[rand_r(&seed) % 5];
                ended[who] = type == EVENT_END;
                line_add(&l, type, who);
            }
        }
        while (l.n)
            check_squeeze(&l); /* to the last */
    }
}

static void records_without_a_trace_go_before_those_that_only_end(void **state)
{
    (void)state;
    struct line l = {.n = 0};
    line_add(&l, EVENT_END, 1); /* its NEW is written already */
    line_add(&l, EVENT_NEW, 2);
    line_add(&l, EVENT_NEW, 3);
    line_add(&l, EVENT_END, 3);
    struct event_loss loss = {0};
    l.n = event_squeeze((void **)l.ev, l.n, &loss);
    assert_int_equal(l.n, 2);
    assert_int_equal(loss.records, 1);
    assert_int_equal(loss.from_us, KIT_START + 3000000);
    l.n = event_squeeze((void **)l.ev, l.n, &loss);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.ev[0]->type, EVENT_END);
    event_free(l.ev[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_end_has_exactly_the_keys_and_forms_of_the_contract),
            cmocka_unit_test(before_the_end_there_is_no_end),
            cmocka_unit_test(of_value_and_reason_exactly_one_is_null),
            cmocka_unit_test(what_was_not_measured_is_null),
            cmocka_unit_test(only_three_types_have_a_message),
            cmocka_unit_test(sending_changes_three_values_and_nothing_else),
            cmocka_unit_test(a_lost_message_has_its_own_keys),
            cmocka_unit_test(begin_and_end_survive_while_anything_else_can_go),
            cmocka_unit_test(records_without_a_trace_go_before_those_that_only_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
