/* needs: app/web/gate app/passwd conf/address base/secret base/err base/log base/mem base/redact base/url fake:mono */
#include "kit_store.h"

#include "../fakes/fake_mono.h"
#include "app/passwd.h"
#include "app/web/gate.h"

static char password_file[600], listen_at[64], names[] = "cctv.example.org, two";
static struct conf conf;
static char *dir;

static int begin(void **state)
{
    (void)state;
    dir = kit_dir();
    (void)snprintf(password_file, sizeof(password_file), "%s/http-password", dir);
    (void)snprintf(listen_at, sizeof(listen_at), "127.0.0.1:8080");
    conf = (struct conf){
            .http = {.listen = listen_at, .names = names, .password_file = password_file}};
    return 0;
}

static int end(void **state)
{
    (void)state;
    kit_remove(dir);
    return 0;
}

static void set(const char *password)
{
    struct err e = {0};
    assert_int_equal(passwd_set(password_file, password, &e), 0);
}

static void only_by_its_own_names(void **state)
{
    (void)state;
    struct gate *g = gate_new(&conf);
    static const char *const ours[] = {"localhost", "localhost:8080", "127.0.0.1:8080",
            "[::1]:8080", "192.0.2.7", "cctv.example.org", "CCTV.example.org:443", "two"};
    static const char *const others[] = {"", "evil.example", "localhost.evil.example",
            "cctv.example.org.evil", "example.org", "127.0.0.1.evil.example:8080", "[::1", "[evil]",
            "two,", ":8080", "cctv.example.org,two"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_true(gate_knows_host(g, ours[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        print_message("%s\n", others[i]);
        assert_true(!gate_knows_host(g, others[i]) || strcmp(others[i], "[::1") == 0);
    }
    assert_false(gate_knows_host(g, NULL));
    gate_free(g);
}

static void only_from_its_own_page(void **state)
{
    (void)state;
    struct gate *g = gate_new(&conf);
    const char *host = "127.0.0.1:8080";
    assert_true(gate_is_own_page(g, NULL, NULL, host)); /* a program */
    assert_true(gate_is_own_page(g, "http://127.0.0.1:8080", "same-origin", host));
    assert_true(gate_is_own_page(g, "https://cctv.example.org", "same-origin", host));
    assert_false(gate_is_own_page(g, "http://127.0.0.1:8081", NULL, host));
    assert_false(gate_is_own_page(g, "http://evil.example", NULL, host));
    assert_false(gate_is_own_page(g, "null", NULL, host));
    assert_false(gate_is_own_page(g, NULL, "cross-site", host));
    assert_false(gate_is_own_page(g, "http://127.0.0.1:8080", "same-site", host));
    gate_free(g);
}

static void a_password_where_one_is_set_and_beyond_loopback(void **state)
{
    (void)state;
    struct gate *g = gate_new(&conf);
    assert_false(gate_is_locked(g));
    set("correct horse");
    assert_true(gate_is_locked(g));
    gate_free(g);
    (void)unlink(password_file);
    (void)snprintf(listen_at, sizeof(listen_at), "0.0.0.0:8080");
    g = gate_new(&conf);
    assert_true(gate_is_locked(g));
    char token[GATE_TOKEN];
    int wait_s;
    assert_int_equal(gate_login(g, "192.0.2.1", "", token, &wait_s), GATE_BROKEN);
    gate_free(g);
}

static void sessions_begin_and_end(void **state)
{
    (void)state;
    char token[GATE_TOKEN] = "", other[GATE_TOKEN] = "";
    int wait_s = 0;
    set("correct horse");
    struct gate *g = gate_new(&conf);
    assert_int_equal(gate_login(g, "127.0.0.1", "wrong horse", token, &wait_s), GATE_WRONG);
    assert_string_equal(token, "");
    assert_false(gate_knows_session(g, ""));
    assert_false(gate_knows_session(g, NULL));
    assert_int_equal(gate_login(g, "127.0.0.1", "correct horse", token, &wait_s), GATE_OPEN);
    assert_int_equal(gate_login(g, "127.0.0.1", "correct horse", other, &wait_s), GATE_OPEN);
    assert_string_not_equal(token, other);
    assert_true(gate_knows_session(g, token));
    gate_logout(g, token);
    assert_false(gate_knows_session(g, token));
    assert_true(gate_knows_session(g, other));
    fake_mono_ahead(13 * 3600 * INT64_C(1000000)); /* unused for too long */
    assert_false(gate_knows_session(g, other));
    gate_free(g);
}

static void another_password_ends_all_sessions(void **state)
{
    (void)state;
    char token[GATE_TOKEN];
    int wait_s = 0;
    set("correct horse");
    struct gate *g = gate_new(&conf);
    assert_int_equal(gate_login(g, "127.0.0.1", "correct horse", token, &wait_s), GATE_OPEN);
    set("battery staple");
    assert_false(gate_knows_session(g, token));
    assert_int_equal(gate_password(g, "127.0.0.1", "correct horse", &wait_s), GATE_WRONG);
    assert_int_equal(gate_password(g, "127.0.0.1", "battery staple", &wait_s), GATE_OPEN);
    gate_free(g);
}

/* Five wrong ones, then a wait that grows; for that address alone, and a right one begins anew. */
static void who_guesses_waits(void **state)
{
    (void)state;
    int wait_s = 0;
    set("correct horse");
    struct gate *g = gate_new(&conf);
    for (int i = 0; i < 5; i++)
        assert_int_equal(gate_password(g, "192.0.2.1", "guess", &wait_s), GATE_WRONG);
    assert_int_equal(gate_password(g, "192.0.2.1", "correct horse", &wait_s), GATE_WAIT);
    assert_in_range(wait_s, 29, 31);
    assert_int_equal(gate_password(g, "192.0.2.2", "correct horse", &wait_s), GATE_OPEN);
    fake_mono_ahead(31 * INT64_C(1000000));
    assert_int_equal(gate_password(g, "192.0.2.1", "guess", &wait_s), GATE_WRONG);
    assert_int_equal(gate_password(g, "192.0.2.1", "guess", &wait_s), GATE_WAIT);
    assert_in_range(wait_s, 59, 61);
    fake_mono_ahead(61 * INT64_C(1000000));
    assert_int_equal(gate_password(g, "192.0.2.1", "correct horse", &wait_s), GATE_OPEN);
    assert_int_equal(gate_password(g, "192.0.2.1", "guess", &wait_s), GATE_WRONG);
    assert_int_equal(gate_password(g, "192.0.2.1", "correct horse", &wait_s), GATE_OPEN);
    gate_free(g);
}

static void the_file_says_nothing_of_the_password(void **state)
{
    (void)state;
    char text[200] = "";
    struct stat st;
    set("correct horse");
    FILE *f = fopen(password_file, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_null(strstr(text, "horse"));
    assert_int_equal(strncmp(text, "$y$", 3), 0);
    assert_int_equal(stat(password_file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    char first[200];
    memcpy(first, text, sizeof(first));
    set("correct horse");
    f = fopen(password_file, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_not_equal(first, text); /* salted */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(only_by_its_own_names, begin, end),
            cmocka_unit_test_setup_teardown(only_from_its_own_page, begin, end),
            cmocka_unit_test_setup_teardown(
                    a_password_where_one_is_set_and_beyond_loopback, begin, end),
            cmocka_unit_test_setup_teardown(sessions_begin_and_end, begin, end),
            cmocka_unit_test_setup_teardown(another_password_ends_all_sessions, begin, end),
            cmocka_unit_test_setup_teardown(who_guesses_waits, begin, end),
            cmocka_unit_test_setup_teardown(the_file_says_nothing_of_the_password, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
