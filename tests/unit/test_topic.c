/* needs: bus/topic base/mem base/err base/utf8 */
#include "bus/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void valid_topics(void **state)
{
    (void)state;
    static const char *const good[] = {"faced/lobby/status", "a", "h\xc3\xa4user/t\xc3\xbcr", "a b",
            "x/$SYS", "\xf0\x9f\x9a\xaa"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(topic_valid(good[i]));
    static const char *const bad[] = {"", "/a", "a/", "a//b", "a/+/b", "a/#", "+", "$SYS/x", "a\nb",
            "\x7f", "\xff", "a\xc3", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
            "\xc2\x85", "\xe2\x82"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(topic_valid(bad[i]));
    char at_most[TOPIC_MAX + 2] = {0};
    memset(at_most, 'a', TOPIC_MAX);
    assert_true(topic_valid(at_most));
    at_most[TOPIC_MAX] = 'a';
    assert_false(topic_valid(at_most));
}

static void built_topics(void **state)
{
    (void)state;
    char *t = topic_join("faced/lobby", "door/count");
    assert_string_equal(t, "faced/lobby/door/count");
    free(t);
    t = topic_enabled_filter("home/faced/lobby");
    assert_string_equal(t, "home/faced/lobby/+/enabled/set");
    free(t);
}

static void reads_what_the_contract_names(void **state)
{
    (void)state;
    char camera[NAME_SIZE];
    assert_true(topic_is_enabled_set("faced/n", "faced/n/door-2_b/enabled/set", camera));
    assert_string_equal(camera, "door-2_b");
    assert_true(topic_is_enabled_set(
            "faced/n", "faced/n/abcdefghijklmnopqrstuvwxyz012345/enabled/set", camera));
    assert_int_equal(strlen(camera), 32);

    static const char *const bad[] = {"", "faced/n", "faced/n/", "faced/n//enabled/set",
            "faced/n/door", "faced/n/door/enabled", "faced/n/door/enabled/set/",
            "faced/n/door/enabled/state", "faced/n/door/enabled/setx", "faced/n/door/x/enabled/set",
            "faced/n/Door/enabled/set", "faced/n/d\xc3\xb6r/enabled/set", "faced/n/../enabled/set",
            "faced/nn/door/enabled/set", "xfaced/n/door/enabled/set", "faced/m/door/enabled/set",
            "faced/n/a b/enabled/set", "faced/n/abcdefghijklmnopqrstuvwxyz0123456/enabled/set",
            "FACED/n/door/enabled/set"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(camera, '!', sizeof(camera));
        assert_false(topic_is_enabled_set("faced/n", bad[i], camera));
        assert_int_equal(camera[0], '!');
    }
}

/* Whatever comes in: a name that is given out is one that the configuration could hold, and the
 * topic is the one that would be built from it. */
static void random_topics(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    static const char *const part[] = {"faced", "/", "n", "door", "enabled", "set", "/enabled/set",
            "faced/n/", "+", "#", "\xc3", "A", "-", "0123456789", ""};
    int accepted = 0;
    for (int round = 0; round < 20000; round++) {
        char topic[256] = "", camera[NAME_SIZE] = "", again[300];
        size_t n = 0;
        for (int k = rand_r(&seed) % 6; k >= 0; k--)
            n += (size_t)snprintf(topic + n, sizeof(topic) - n, "%s",
                    part[(size_t)rand_r(&seed) % (sizeof(part) / sizeof(part[0]))]);
        (void)topic_valid(topic);
        if (!topic_is_enabled_set("faced/n", topic, camera))
            continue;
        accepted++;
        assert_in_range(strlen(camera), 1, 32);
        assert_int_equal(strspn(camera, "abcdefghijklmnopqrstuvwxyz0123456789_-"), strlen(camera));
        (void)snprintf(again, sizeof(again), "faced/n/%s/enabled/set", camera);
        assert_string_equal(again, topic);
        assert_true(topic_valid(topic));
    }
    assert_true(accepted > 0);
}

static void on_and_off_exactly(void **state)
{
    (void)state;
    bool on = false;
    assert_true(topic_on_off("ON", 2, &on) && on);
    assert_true(topic_on_off("OFFxxx", 3, &on) && !on);
    on = true;
    static const char *const bad[] = {
            "", "on", "off", "O", "OF", "ONN", "OFF ", " ON", "1", "true"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(topic_on_off(bad[i], strlen(bad[i]), &on));
    assert_false(topic_on_off("ON", 3, &on)); /* with its NUL */
    assert_true(on);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(valid_topics),
            cmocka_unit_test(built_topics),
            cmocka_unit_test(reads_what_the_contract_names),
            cmocka_unit_test(random_topics),
            cmocka_unit_test(on_and_off_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
