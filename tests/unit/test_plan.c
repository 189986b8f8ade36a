/* needs: app/plan conf/compare conf/schema conf/load conf/group conf/value conf/address conf/area conf/expand conf/text base/err base/log base/mem base/mono base/redact base/url base/utf8 base/when flow/polygon */
#include "app/plan.h"

#include "conf/compare.h"
#include "conf/load.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define CAMERAS                                                                                    \
    "cameras: ( { name = \"door\"; url = \"rtsp://u:one@192.0.2.1/1\"; },"                         \
    " { name = \"hall\"; url = \"rtsp://192.0.2.2/1\"; } );\n"
#define PLAIN "node = \"shop\"; database: { path = \"/x/f.db\"; };\n" CAMERAS

static struct conf *conf_of(const char *text)
{
    char path[] = "/tmp/test_plan.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    struct conf *conf = NULL;
    struct err e = {0};
    int r = conf_load(path, 0, &conf, &e);
    (void)unlink(path);
    if (r < 0)
        print_error("%s\n", e.text);
    assert_int_equal(r, 0);
    return conf;
}

static struct plan plan_of(struct conf *old, struct conf *new)
{
    struct plan p;
    struct err e = {0};
    assert_int_equal(plan_make(old, new, &p, &e), 0);
    return p;
}

static const struct plan_step *step_of(const struct plan *p, const char *camera)
{
    for (int i = 0; i < p->n; i++) {
        if (strcmp(p->steps[i].camera->name, camera) == 0)
            return &p->steps[i];
    }
    return NULL;
}

static void the_same_is_no_change(void **state)
{
    (void)state;
    struct conf *a = conf_of(PLAIN), *b = conf_of("# other words\n" PLAIN);
    struct plan p = plan_of(a, b);
    assert_false(p.bus || p.look || p.store);
    assert_int_equal(p.n, 2);
    assert_int_equal(step_of(&p, "door")->what, PLAN_KEEP);
    char words[160];
    plan_words(&p, words, sizeof(words));
    assert_string_equal(words, "nothing has changed");
    plan_done(&p);
    conf_free(a);
    conf_free(b);
}

static void cameras_one_by_one(void **state)
{
    (void)state;
    struct conf *a = conf_of(PLAIN);
    struct conf *b = conf_of("node = \"shop\"; database: { path = \"/x/f.db\"; };\n"
                             "cameras: ( { name = \"gate\"; url = \"/dev/video0\"; },"
                             " { name = \"door\"; url = \"rtsp://u:two@192.0.2.1/1\"; } );");
    struct plan p = plan_of(a, b);
    assert_int_equal(p.n, 3);
    assert_int_equal(p.steps[0].what, PLAN_REMOVE);
    assert_string_equal(p.steps[0].camera->name, "hall");
    assert_int_equal(step_of(&p, "gate")->what, PLAN_ADD);
    assert_int_equal(step_of(&p, "door")->what, PLAN_CHANGE); /* its password alone */
    assert_ptr_equal(step_of(&p, "door")->camera, &b->cameras[1]);
    char words[160];
    plan_words(&p, words, sizeof(words));
    assert_string_equal(words, "1 camera added, 1 camera changed, 1 camera removed");
    plan_done(&p);
    conf_free(a);
    conf_free(b);
}

static void only_switched(void **state)
{
    (void)state;
    struct conf *a = conf_of("cameras: ( { name = \"door\"; url = \"/a.mkv\"; } );");
    struct conf *off = conf_of("cameras: ( { name = \"door\"; url = \"/a.mkv\"; "
                               "enabled = false; } );");
    struct conf *both = conf_of("cameras: ( { name = \"door\"; url = \"/b.mkv\"; "
                                "enabled = false; } );");
    struct plan p = plan_of(a, off);
    assert_int_equal(p.steps[0].what, PLAN_SWITCH);
    plan_done(&p);
    p = plan_of(a, both);
    assert_int_equal(p.steps[0].what, PLAN_CHANGE);
    assert_true(p.steps[0].switched);
    plan_done(&p);
    conf_free(a);
    conf_free(off);
    conf_free(both);
}

/* One key outside of the cameras, and which part of the house it concerns. */
static void each_key_has_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool bus, look, store;
    } cases[] = {
            {"mqtt: { url = \"mqtt://b\"; };", true, false, true},
            {"track: { confirm = 5; };", false, true, false},
            {"track: { lost = \"4s\"; };", false, true, false},
            {"attributes: { certainty = 0.9; };", false, true, false},
            {"models: { attributes = \"retail-0013\"; };", false, true, false},
            {"models: { dir = \"/models\"; };", false, true, false},
            {"pipeline: { workers = 3; };", false, true, false},
            {"secrets_dir = \"/s\";", false, false, false},
            {"defaults: { fps = 2.0; };", false, false, false},
    };
    struct conf *a = conf_of("pipeline: { workers = 1; };" CAMERAS);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[1024];
        bool workers = strstr(cases[i].text, "workers");
        (void)snprintf(text, sizeof(text), "%s%s" CAMERAS,
                workers ? "" : "pipeline: { workers = 1; };", cases[i].text);
        struct conf *b = conf_of(text);
        struct plan p = plan_of(a, b);
        if (p.bus != cases[i].bus || p.look != cases[i].look || p.store != cases[i].store)
            fail_msg("%s: bus %d, look %d, store %d", cases[i].text, p.bus, p.look, p.store);
        bool all = p.look || strstr(cases[i].text, "fps");
        assert_int_equal(p.changed, all ? 2 : 0);
        plan_done(&p);
        conf_free(b);
    }
    conf_free(a);
}

static void outbox_bounds_are_the_stores(void **state)
{
    (void)state;
    struct conf *a = conf_of("mqtt: { url = \"mqtt://b\"; };" CAMERAS);
    struct conf *b = conf_of("mqtt: { url = \"mqtt://b\"; outbox_age = \"3d\"; };" CAMERAS);
    struct conf *c =
            conf_of("mqtt: { url = \"mqtt://b\"; password = \"p\"; username = \"u\"; };" CAMERAS);
    struct plan p = plan_of(a, b);
    assert_true(p.store && !p.bus && !p.look);
    plan_done(&p);
    p = plan_of(a, c);
    assert_true(p.bus && !p.store && !p.look);
    plan_done(&p);
    conf_free(a);
    conf_free(b);
    conf_free(c);
}

static void what_needs_a_restart_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
            "node = \"other\";", "database: { path = \"/y.db\"; };", "control = \"/c.sock\";"};
    static const char *const keys[] = {"node", "database.path", "control"};
    struct conf *a = conf_of(CAMERAS);
    for (int i = 0; i < 3; i++) {
        char text[1024];
        (void)snprintf(text, sizeof(text), "%s" CAMERAS, texts[i]);
        struct conf *b = conf_of(text);
        struct plan p;
        struct err e = {0};
        assert_int_equal(plan_make(a, b, &p, &e), -EPERM);
        assert_non_null(strstr(e.text, keys[i]));
        assert_non_null(strstr(e.text, "restart faced"));
        conf_free(b);
    }
    conf_free(a);
}

/* What an unchanged camera was made from lives on. */
static void who_holds_it_keeps_it(void **state)
{
    (void)state;
    struct conf *a = conf_of(CAMERAS);
    struct conf *held = conf_hold(a);
    conf_free(a);
    assert_string_equal(held->cameras[1].name, "hall");
    conf_free(held);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_same_is_no_change),
            cmocka_unit_test(cameras_one_by_one),
            cmocka_unit_test(only_switched),
            cmocka_unit_test(each_key_has_its_place),
            cmocka_unit_test(outbox_bounds_are_the_stores),
            cmocka_unit_test(what_needs_a_restart_is_refused),
            cmocka_unit_test(who_holds_it_keeps_it),
    };
    (void)unsetenv("FACED_MODELS"); /* it would stand for models.dir */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
