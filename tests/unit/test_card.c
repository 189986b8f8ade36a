/* needs: vision/card vision/fields base/err base/mem base/sha256 */
#include "vision/card.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/test_card.XXXXXX";

static void write_file(const char *name, const char *content)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(content, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

/* A correct card; `change` is merged over it, and null members of it take the key away. */
static void write_card(const char *base, const char *change)
{
    json_t *card = json_loads(base, 0, NULL), *diff = json_loads(change, 0, NULL), *v;
    assert_non_null(card);
    assert_non_null(diff);
    const char *key;
    json_object_foreach(diff, key, v)
    {
        if (json_is_string(v) && strcmp(json_string_value(v), "(none)") == 0)
            json_object_del(card, key);
        else
            json_object_set(card, key, v);
    }
    char *text = json_dumps(card, 0);
    write_file("m.card.json", text);
    free(text);
    json_decref(card);
    json_decref(diff);
}

/* sha256 of the text "model" */
#define SUM "9372c470eeadd5ecd9c3c74c2b3cb633f8e2f2fad799250a0f70d652b6b825e4"

static const char people[] =
        "\"about\": \"a\", \"source\": \"s\", \"licence\": \"MIT\", \"training_data\": \"t\","
        "\"not_fit_for\": \"n\", \"accuracy_published\": null, \"accuracy_measured\": \"m\"}";

static char detector[1024], attributes[1024], combined[1024];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(detector, sizeof(detector),
            "{\"name\": \"m\", \"kind\": \"detector\", \"engine\": \"yunet\", \"files\": "
            "[{\"role\": \"weights\", \"name\": \"m.onnx\", \"sha256\": \"" SUM "\"}], "
            "\"input\": {\"max_side\": 640, \"mean\": [0, 0, 0], \"scale\": 1, \"swap_rb\": false},"
            "\"start_score\": 0.7, \"start_eyes\": 0.2, \"keep_score\": 0.4, \"overlap\": 0.3, %s",
            people);
    (void)snprintf(attributes, sizeof(attributes),
            "{\"name\": \"m\", \"kind\": \"attributes\", \"engine\": \"years\", \"files\": "
            "[{\"role\": \"weights\", \"name\": \"m.onnx\", \"sha256\": null}], \"input\": "
            "{\"width\": 62, \"height\": 64, \"mean\": [1, 2, 3], \"scale\": 0.5, "
            "\"swap_rb\": true}, \"crop\": {\"square\": 0.9, \"outside\": \"edge\"}, \"outputs\": "
            "{\"age\": \"a\", \"gender\": \"g\", \"gender_order\": \"female male\", "
            "\"age_scale\": 100}, \"ages\": [18, 75], \"age_error\": [[20, 4], [40, 6.5]], "
            "\"gender_measured\": true, %s",
            people);
    (void)snprintf(combined, sizeof(combined),
            "{\"name\": \"m\", \"kind\": \"attributes\", \"engine\": \"combined\", \"files\": "
            "[{\"role\": \"calibration\", \"name\": \"m.onnx\", \"sha256\": null}], \"views\": "
            "[{\"model\": \"n\", \"square\": 2.6, \"landmarks\": true, \"outside\": \"edge\"}, "
            "{\"model\": \"n\", \"square\": 1, \"mirror\": true, \"outside\": \"black\"}], "
            "\"ages\": [0, 100], %s",
            people);
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char path[128];
    static const char *const names[] = {"m.card.json", "m.onnx", "n.card.json"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    return rmdir(dir);
}

static void a_good_card_is_read(void **state)
{
    (void)state;
    struct err e = {0};
    write_card(detector, "{}");
    struct card *d = card_load(dir, "m", &e);
    assert_string_equal(e.text, "");
    assert_int_equal(d->kind, CARD_DETECTOR);
    assert_int_equal(d->input.max_side, 640);
    write_card(attributes, "{}");
    struct card *a = card_load(dir, "m", &e);
    assert_string_equal(e.text, "");
    assert_int_equal(a->input.height, 64);
    assert_float_equal(a->input.mean[2], 3, 0);
    assert_true(a->female_first);
    assert_int_equal(a->crop.outside, SCALE_EDGE);
    assert_null(a->accuracy_published);
    assert_non_null(strstr(card_path(a, "weights"), "/m.onnx"));
    assert_null(card_path(a, "graph"));

    struct traits t;
    card_traits(d, a, &t);
    assert_string_equal(t.detector, "m");
    assert_string_equal(t.attributes, "m");
    assert_float_equal(t.start_score, 0.7f, 1e-6f);
    assert_float_equal(t.start_eyes, 0.2f, 1e-6f);
    assert_float_equal(t.age_max, 75, 0);
    assert_int_equal(t.n_age_error, 2);
    assert_float_equal(t.age_error[1].sd, 6.5f, 1e-6f);
    assert_true(t.gender_measured);
    card_free(a);
    card_free(d);
}

/* A card as above under the name "n". */
static void write_member(const char *change)
{
    json_t *diff = json_loads(change, 0, NULL);
    json_t *card = json_loads(attributes, 0, NULL);
    json_object_set_new(card, "name", json_string("n"));
    json_object_update(card, diff);
    char *text = json_dumps(card, 0);
    write_file("n.card.json", text);
    free(text);
    json_decref(card);
    json_decref(diff);
}

static void a_combination_brings_its_members(void **state)
{
    (void)state;
    struct err e = {0};
    write_member("{}");
    write_card(combined, "{}");
    struct card *c = card_load(dir, "m", &e);
    assert_string_equal(e.text, "");
    assert_int_equal(c->n_members, 1);
    assert_string_equal(c->member[0]->name, "n");
    assert_int_equal(c->n_views, 2);
    assert_true(c->view[0].crop.landmarks && !c->view[0].crop.mirror);
    assert_true(c->view[1].crop.mirror && c->view[1].crop.outside == SCALE_BLACK);
    assert_float_equal(c->view[0].crop.square, 2.6f, 1e-6f);
    write_file("m.onnx", "anything");
    assert_int_equal(card_verify(c, &e), 0);
    (void)snprintf(c->member[0]->file[0].path, 5, "/no/"); /* a member's file counts as well */
    assert_true(card_verify(c, &e) < 0);
    card_free(c);

    /* What a member cannot be: another combination, for that might be this one; a detector. */
    e = (struct err){0};
    write_card(combined, "{\"views\": [{\"model\": \"m\", \"square\": 1, \"outside\": \"edge\"}]}");
    assert_null(card_load(dir, "m", &e));
    assert_non_null(strstr(e.text, "'engine' must be \"years\""));
    e = (struct err){0};
    write_card(combined, "{}");
    write_member("{\"kind\": \"detector\"}");
    assert_null(card_load(dir, "m", &e));
    assert_non_null(strstr(e.text, "n.card.json"));
    e = (struct err){0};
    write_card(
            combined, "{\"views\": [{\"model\": \"gone\", \"square\": 1, \"outside\": \"edge\"}]}");
    assert_null(card_load(dir, "m", &e));
    assert_non_null(strstr(e.text, "gone.card.json"));
    assert_null(card_load(dir, "m", NULL));
}

/* Each fault is one line with the file and the key. */
static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *base, *change, *key, *says;
    } cases[] = {
            {detector, "{\"colour\": 1}", "'colour'", "not a key"},
            {detector, "{\"crop\": {}}", "'crop'", "not a key"},
            {detector, "{\"\": 1}", "''", "not a key"},
            {detector, "{\"files\": [{\"role name\": 1}]}", "'role name'", "not a key"},
            {detector, "{\"licence\": \"(none)\"}", "'licence'", "missing"},
            {detector, "{\"licence\": 5}", "'licence'", "text"},
            {detector, "{\"kind\": \"camera\"}", "'kind'", "\"detector\""},
            {detector, "{\"name\": \"other\"}", "'name'", "\"m\""},
            {detector, "{\"start_score\": 1.5}", "'start_score'", "0.01 to 1"},
            {detector, "{\"start_score\": \"high\"}", "'start_score'", "number"},
            {detector, "{\"keep_score\": 0.9}", "'keep_score'", "start_score"},
            {detector, "{\"min_width\": 0}", "'min_width'", "1 to 1000"},
            {detector, "{\"files\": []}", "'files'", "list of 1 to"},
            {detector, "{\"files\": [7]}", "'files'", "objects"},
            {detector,
                    "{\"files\": [{\"role\": \"weights\", \"name\": \"../x\", \"sha256\": null}]}",
                    "'name'", "beside"},
            {detector,
                    "{\"files\": [{\"role\": \"weights\", \"name\": \"x\", \"sha256\": \"12\"}]}",
                    "'sha256'", "64"},
            {detector, "{\"input\": 3}", "'input'", "object"},
            {detector,
                    "{\"input\": {\"max_side\": 31.5, \"mean\": [0, 0, 0], \"scale\": 1, "
                    "\"swap_rb\": false}}",
                    "'max_side'", "32 to"},
            {detector,
                    "{\"input\": {\"max_side\": 64, \"mean\": [0, 0], \"scale\": 1, "
                    "\"swap_rb\": false}}",
                    "'mean'", "list of 3"},
            {detector,
                    "{\"input\": {\"max_side\": 64, \"mean\": [0, 0, 0], \"scale\": 1, "
                    "\"swap_rb\": 0}}",
                    "'swap_rb'", "true or false"},
            {attributes, "{\"crop\": {\"square\": 0.9, \"outside\": \"pink\"}}", "'outside'",
                    "black"},
            {attributes, "{\"ages\": [70, 20]}", "'ages'", "70 to 120"},
            {attributes, "{\"age_error\": [[40, 5], [20, 5]]}", "'age_error'", "rising"},
            {attributes, "{\"age_error\": [[40]]}", "'age_error'", "pairs"},
            {attributes, "{\"overlap\": 0.3}", "'overlap'", "not a key"},
            {attributes, "{\"views\": []}", "'views'", "not a key"},
            {combined, "{\"views\": []}", "'views'", "list of 1 to"},
            {combined, "{\"views\": [1]}", "'views'", "objects"},
            {combined, "{\"views\": [{\"square\": 1, \"outside\": \"edge\"}]}", "'model'",
                    "missing"},
            {combined, "{\"views\": [{\"model\": \"n\", \"turn\": 1}]}", "'turn'", "not a key"},
            {combined, "{\"input\": {}}", "'input'", "not a key"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err e = {0};
        write_card(cases[i].base, cases[i].change);
        assert_null(card_load(dir, "m", &e));
        if (!strstr(e.text, "m.card.json") || !strstr(e.text, cases[i].key) ||
                !strstr(e.text, cases[i].says) || strchr(e.text, '\n') || e.code >= 0)
            fail_msg("case %zu: %s", i, e.text);
    }
}

static void what_is_no_card_is_said_so(void **state)
{
    (void)state;
    static const char *const contents[] = {"", "hello", "[1, 2]", "{\"name\": \"m\",", "\x01\x02"};
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        struct err e = {0};
        write_file("m.card.json", contents[i]);
        assert_null(card_load(dir, "m", &e));
        assert_non_null(strstr(e.text, "not a model card"));
    }
    struct err e = {0};
    assert_null(card_load(dir, "absent", &e));
    assert_non_null(strstr(e.text, "absent.card.json"));
    assert_null(card_load(dir, "../m", &e));
    assert_non_null(strstr(e.text, "cannot be the name"));
    assert_null(card_load(dir, "", NULL));
}

static void files_must_have_the_sum_of_the_card(void **state)
{
    (void)state;
    struct err e = {0};
    write_card(detector, "{}");
    struct card *d = card_load(dir, "m", &e);
    assert_true(card_verify(d, &e) < 0); /* not there */
    assert_non_null(strstr(e.text, "m.onnx"));
    write_file("m.onnx", "mode");
    assert_true(card_verify(d, &e) < 0);
    assert_non_null(strstr(e.text, "SHA-256"));
    write_file("m.onnx", "model");
    assert_int_equal(card_verify(d, &e), 0);
    card_free(d);

    write_card(attributes, "{}"); /* an unknown sum is not checked, the file must be there */
    d = card_load(dir, "m", &e);
    write_file("m.onnx", "anything");
    assert_int_equal(card_verify(d, &e), 0);
    card_free(d);
}

/* Random damage to a good card is a sentence or a card, never more. */
static void damaged_cards_are_survived(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 20261123;
    print_message("SEED=%u\n", seed);
    for (int i = 0; i < 500; i++) {
        char text[1024];
        memcpy(text, attributes, sizeof(text));
        for (int k = rand_r(&seed) % 4; k >= 0; k--)
            text[(size_t)rand_r(&seed) % strlen(attributes)] = (char)(rand_r(&seed) % 256);
        struct err e = {0};
        write_file("m.card.json", text);
        struct card *c = card_load(dir, "m", &e);
        assert_true(c ? e.code == 0 : e.code < 0 && e.text[0]);
        card_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_good_card_is_read),
            cmocka_unit_test(a_combination_brings_its_members),
            cmocka_unit_test(faults_are_named),
            cmocka_unit_test(what_is_no_card_is_said_so),
            cmocka_unit_test(files_must_have_the_sum_of_the_card),
            cmocka_unit_test(damaged_cards_are_survived),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
