/* needs: app/ctl/table base/mem */
#include "app/ctl/table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char printed[4096];

/* What table_print() writes while standard output is fd; cmocka's own lines stay out of it. */
static void print_to(const struct table *t, int fd)
{
    (void)fflush(stdout);
    int before = dup(STDOUT_FILENO);
    assert_true(before >= 0);
    dup2(fd, STDOUT_FILENO);
    table_print(t);
    (void)fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
}

static const char *print(const struct table *t)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    print_to(t, fileno(f));
    rewind(f);
    size_t n = fread(printed, 1, sizeof(printed) - 1, f);
    printed[n] = '\0';
    (void)fclose(f);
    return printed;
}

static struct table *people(void)
{
    static const char *const titles[] = {"NAME", ">COUNT", "PLACE"};
    struct table *t = table_new(titles, 3);
    table_add(t, "%s", "door");
    table_add(t, "%d", 7);
    table_add(t, "%s", "here");
    table_add(t, "%s", "a-longer-name");
    table_add(t, "%lld", 1234567LL);
    table_add(t, "%s/%s", "over", "there");
    return t;
}

static void columns_are_aligned(void **state)
{
    (void)state;
    struct table *t = people();
    assert_string_equal(print(t), "NAME             COUNT  PLACE\n"
                                  "door                 7  here\n"
                                  "a-longer-name  1234567  over/there\n");
    table_free(t);
    table_free(NULL);
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    static const char *const titles[] = {"A", ">B", "C"};
    struct table *t = table_new(titles, 3);
    table_add(t, "Fl\xc3\xbcgelt\xc3\xbcr"); /* 9 characters, 11 bytes */
    table_add(t, "5\xe2\x82\xac");           /* 2 characters, 4 bytes */
    table_add(t, "x");
    table_add(t, "0123456789");
    table_add(t, "12");
    table_add(t, "y");
    assert_string_equal(print(t), "A            B  C\n"
                                  "Fl\xc3\xbcgelt\xc3\xbcr   5\xe2\x82\xac  x\n"
                                  "0123456789  12  y\n");
    table_free(t);
}

static void a_header_alone_and_empty_cells(void **state)
{
    (void)state;
    static const char *const titles[] = {"ONE", ">TWO"};
    struct table *t = table_new(titles, 2);
    assert_string_equal(print(t), "ONE  TWO\n");
    table_add(t, "%s", "");
    table_add(t, "%s", "");
    assert_string_equal(print(t), "ONE  TWO\n        \n");
    table_add(t, "half a row"); /* is not shown before it is whole */
    assert_null(strstr(print(t), "half"));
    table_add(t, "2");
    assert_non_null(strstr(print(t), "half a row    2\n"));
    table_free(t);
}

/* What somebody is shown on a terminal of his own. */
static void print_on_terminal(const struct table *t)
{
    int outer = posix_openpt(O_RDWR | O_NOCTTY);
    if (outer < 0)
        skip(); /* no terminals here */
    assert_int_equal(grantpt(outer), 0);
    assert_int_equal(unlockpt(outer), 0);
    char name[64];
    assert_int_equal(ptsname_r(outer, name, sizeof(name)), 0);
    int inner = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(inner >= 0);
    print_to(t, inner);
    ssize_t n = read(outer, printed, sizeof(printed) - 1);
    assert_true(n > 0);
    printed[n] = '\0';
    close(inner);
    close(outer);
}

static void colour_only_on_a_terminal(void **state)
{
    (void)state;
    struct table *t = people();
    unsetenv("NO_COLOR");
    assert_null(strchr(print(t), '\033'));
    print_on_terminal(t);
    assert_int_equal(strncmp(printed, "\033[1mNAME", 8), 0);
    assert_non_null(strstr(printed, "PLACE\033[0m\r\n"));
    assert_null(strchr(strchr(printed, '\n'), '\033')); /* only the header */
    setenv("NO_COLOR", "1", 1);
    print_on_terminal(t);
    assert_null(strchr(printed, '\033'));
    setenv("NO_COLOR", "", 1); /* as no-color.org has it: empty is as if it were not there */
    print_on_terminal(t);
    assert_non_null(strchr(printed, '\033'));
    unsetenv("NO_COLOR");
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(columns_are_aligned),
            cmocka_unit_test(characters_are_counted_not_bytes),
            cmocka_unit_test(a_header_alone_and_empty_cells),
            cmocka_unit_test(colour_only_on_a_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
