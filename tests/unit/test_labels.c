/* needs: app/labels app/adience flow/age base/err base/mem */
#include "app/adience.h"
#include "app/labels.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int read_text(struct labels *set, const char *text, struct err *e)
{
    FILE *in = fmemopen((void *)text, strlen(text), "r");
    assert_non_null(in);
    int r = labels_read_from(set, "set/m.tsv", in, e);
    (void)fclose(in);
    return r;
}

static void refused(const char *text, const char *words)
{
    struct labels set = {0};
    struct err e = {0};
    assert_true(read_text(&set, text, &e) < 0);
    if (!strstr(e.text, words))
        fail_msg("'%s' does not say '%s'", e.text, words);
    labels_done(&set);
}

static void a_manifest(void **state)
{
    (void)state;
    struct labels set = {0};
    struct err e = {0};
    assert_int_equal(read_text(&set,
                             "\xef\xbb\xbfgender\tnote\tpath\tage\r\n"
                             "F\t\ta/b.jpg\t64.4\r\n"
                             "\r\n"
                             "M\tx\t/c.jpg\t25-32\r\n"
                             "\t\td.jpg\t70+\n"
                             "F\t\te.jpg\t",
                             &e),
            0);
    assert_int_equal(set.n, 4);
    assert_false(set.files[0].fold);
    const struct label *l = set.list;
    assert_string_equal(l[0].path, "set/a/b.jpg");
    assert_int_equal(l[0].age, LABEL_AGE_YEARS);
    assert_float_equal(l[0].low, 64.4f, 0);
    assert_float_equal(l[0].high, 64.4f, 0);
    assert_int_equal(l[0].range, 7);
    assert_string_equal(l[0].age_text, "64.4");
    assert_int_equal(l[0].gender, LABEL_FEMALE);
    assert_string_equal(l[1].path, "/c.jpg");
    assert_int_equal(l[1].age, LABEL_AGE_RANGE);
    assert_float_equal(l[1].low, 25, 0);
    assert_float_equal(l[1].high, 33, 0);
    assert_int_equal(l[1].gender, LABEL_MALE);
    assert_true(isinf(l[2].high));
    assert_float_equal(label_middle(&l[2]), 70, 0);
    assert_int_equal(l[2].gender, LABEL_GENDER_NONE);
    assert_int_equal(l[3].age, LABEL_AGE_NONE);
    assert_int_equal(l[3].range, -1);
    labels_done(&set);
}

/* Each range's neighbours are those of its own file. */
static void neighbours(void **state)
{
    (void)state;
    struct labels set = {0};
    assert_int_equal(read_text(&set,
                             "path\tage\tgender\n"
                             "a\t10-19\t\nb\t0-2\t\nc\t70+\t\nd\t10-19\t\ne\t33\t\nf\t3-9\t\n",
                             NULL),
            0);
    assert_int_equal(read_text(&set, "path\tage\tgender\na\t10-19\t\n", NULL), 0);
    const struct label *l = set.list;
    for (int i = 0; i <= 3; i += 3) {
        assert_float_equal(l[i].near_low, 3, 0);
        assert_true(isinf(l[i].near_high));
    }
    assert_float_equal(l[1].near_low, 0, 0);
    assert_float_equal(l[1].near_high, 10, 0);
    assert_float_equal(l[2].near_low, 10, 0);
    assert_true(isinf(l[2].near_high));
    assert_float_equal(l[5].near_low, 0, 0);
    assert_float_equal(l[5].near_high, 20, 0);
    assert_float_equal(l[6].near_low, 10, 0); /* alone in the second file */
    assert_float_equal(l[6].near_high, 20, 0);
    assert_int_equal(l[6].file, 1);
    labels_done(&set);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    refused("", "set/m.tsv: the file is empty");
    refused("path\tage\n", "set/m.tsv:1: the header has no column 'gender'");
    refused("a.jpg\t3\tF\n", "no column 'path'");
    refused("path\tage\tgender\na\t3\tF\nb\t3\n",
            "set/m.tsv:3: 2 columns are here, the header has 3");
    refused("path\tage\tgender\na\t3\tfemale\n", "set/m.tsv:2: gender 'female': expected M, F");
    refused("path\tage\tgender\n\t3\tF\n", "set/m.tsv:2: there is no path");
    static const char *const ages[] = {"x", "-3", "3-", "9-3", "3-9-", "1e1", "0x9", "nan", "inf",
            " 3", "3 ", "121", "2-200", "+", "70++", "3.4.5", ".", "25_32", "(25, 32)",
            "1.00000000000000000000000001"};
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        char text[100];
        (void)snprintf(text, sizeof(text), "path\tage\tgender\na\t%s\tF\n", ages[i]);
        refused(text, "set/m.tsv:2: age '");
    }
    refused("user_id\tage\tgender\tface_id\n", "no column 'original_image'");
    struct labels set = {0};
    struct err e = {0};
    assert_true(labels_read(&set, "/nowhere/m.tsv", &e) < 0);
    assert_string_equal(e.text, "/nowhere/m.tsv: No such file or directory");
    assert_true(labels_read(&set, "/", &e) < 0);
    assert_non_null(strstr(e.text, "directory"));
    labels_done(&set);
}

#define FOLD_HEAD "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\n"

/* All ages that stand in the real five files. */
static void a_fold_file(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int range;
        float low, high;
    } ages[] = {{"(0, 2)", 0, 0, 3}, {"(15, 20)", 3, 15, 21}, {"(25, 23)", 4, 23, 26},
            {"(25, 32)", 4, 25, 33}, {"(27, 32)", 4, 27, 33}, {"(38, 42)", 5, 38, 43},
            {"(38, 43)", 5, 38, 44}, {"(38, 48)", 5, 38, 49}, {"(4, 6)", 1, 4, 7},
            {"(48, 53)", 6, 48, 54}, {"(60, 100)", 7, 60, 101}, {"(8, 12)", 2, 8, 13},
            {"(8, 23)", 3, 8, 24}, {"13", 2, 13, 13}, {"2", 0, 2, 2}, {"22", 3, 22, 22},
            {"23", 3, 23, 23}, {"29", 4, 29, 29}, {"3", 0, 3, 3}, {"35", 4, 35, 35},
            {"36", 5, 36, 36}, {"42", 5, 42, 42}, {"45", 5, 45, 45}, {"46", 5, 46, 46},
            {"55", 6, 55, 55}, {"57", 6, 57, 57}, {"58", 7, 58, 58}, {"None", -1, 0, 0},
            {"", -1, 0, 0}};
    static const char *const genders[] = {"", "m", "f", "u"};
    for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
        struct labels set = {0};
        char text[200];
        (void)snprintf(text, sizeof(text), FOLD_HEAD "9@N03\tp_o.jpg\t7\t%s\t%s\t1\t2\n",
                ages[i].text, genders[i % 4]);
        assert_int_equal(read_text(&set, text, NULL), 0);
        assert_true(set.files[0].fold);
        const struct label *l = set.list;
        assert_int_equal(l->range, ages[i].range);
        assert_int_equal(l->age, ages[i].range < 0 ? LABEL_AGE_NONE : LABEL_AGE_EIGHT);
        assert_float_equal(l->low, ages[i].low, 0);
        assert_float_equal(l->high, ages[i].high, 0);
        assert_int_equal(l->gender, i % 4 % 3);
        assert_null(l->path);
        assert_string_equal(l->user, "9@N03");
        assert_string_equal(l->photo, "7.p_o.jpg");
        labels_done(&set);
    }
    refused(FOLD_HEAD "9@N03\tp\t7\t25-32\tm\t1\t2\n", "set/m.tsv:2: age '25-32'");
    refused(FOLD_HEAD "9@N03\tp\t7\t(25, 132)\tm\t1\t2\n", "expected a group such as (25, 32)");
    refused(FOLD_HEAD "9@N03\tp\t7\t(25, 32\tm\t1\t2\n", "expected a group such as (25, 32)");
    refused(FOLD_HEAD "9@N03\tp\t7\t\tM\t1\t2\n", "gender 'M': expected f, m, u or nothing");
    refused(FOLD_HEAD "..\tp\t7\t\tm\t1\t2\n", "do not name a picture");
    refused(FOLD_HEAD "9\t../p\t7\t\tm\t1\t2\n", "do not name a picture");
}

static void touch(const char *dir, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fclose(f);
}

static void make_folder(const char *dir, const char *name)
{
    char path[200];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void pictures_of_adience(void **state)
{
    (void)state;
    char dir[] = "/tmp/faced-labels-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct labels set = {0};
    bool aligned = true;
    assert_int_equal(read_text(&set,
                             FOLD_HEAD "9@N03\tp_o.jpg\t7\t\tm\t1\t2\n"
                                       "9@N03\tq_o.jpg\t8\t\tm\t1\t2\n",
                             NULL),
            0);
    assert_int_equal(adience_find(&set, dir, &aligned), 0);
    assert_false(aligned);
    make_folder(dir, "faces");
    make_folder(dir, "faces/9@N03");
    touch(dir, "faces/9@N03/coarse_tilt_aligned_face.7.p_o.jpg");
    touch(dir, "faces/9@N03/coarse_tilt_aligned_face.8.q_o.jpg");
    assert_int_equal(adience_find(&set, dir, &aligned), 2);
    assert_false(aligned);
    assert_non_null(strstr(set.list[1].path, "/coarse_tilt_aligned_face.8.q_o.jpg"));
    make_folder(dir, "aligned");
    make_folder(dir, "aligned/9@N03");
    touch(dir, "aligned/9@N03/landmark_aligned_face.7.p_o.jpg");
    assert_int_equal(adience_find(&set, dir, &aligned), 1);
    assert_true(aligned);
    assert_non_null(strstr(set.list[0].path, "/aligned/9@N03/landmark_aligned_face.7.p_o.jpg"));
    assert_null(set.list[1].path);
    labels_done(&set);
    static const char *const files[] = {"aligned/9@N03/landmark_aligned_face.7.p_o.jpg",
            "faces/9@N03/coarse_tilt_aligned_face.7.p_o.jpg",
            "faces/9@N03/coarse_tilt_aligned_face.8.q_o.jpg", "aligned/9@N03", "faces/9@N03",
            "aligned", "faces", ""};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[200];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
        assert_int_equal(remove(path), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_manifest),
            cmocka_unit_test(neighbours),
            cmocka_unit_test(what_is_wrong_is_said),
            cmocka_unit_test(a_fold_file),
            cmocka_unit_test(pictures_of_adience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
