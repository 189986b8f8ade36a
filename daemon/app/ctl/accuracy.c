#include "app/ctl/accuracy.h"

#include "app/ctl/table.h"
#include "picture/caption.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define SHARE_DIGITS 4
#define YEARS_DIGITS 2

static const char *const promise_names[TALLY_PROMISES] = {"gender", "age_range", "age_one_off"};

static double ratio(int64_t n, int64_t of)
{
    return of ? (double)n / (double)of : (double)NAN;
}

static double ms_per_face(const struct figures *f)
{
    return ratio(f->took_us, f->faces) / 1e3;
}

static struct measure gender_right(const struct figures *f)
{
    return tally_share((double)f->gender_right, f->gender_judged);
}

static struct measure age_exact(const struct figures *f)
{
    return tally_share((double)f->age_exact, f->age_judged);
}

static struct measure age_near(const struct figures *f)
{
    return tally_share((double)f->age_near, f->age_judged);
}

static const char *file_name(const struct labels *set, int i)
{
    const char *slash = strrchr(set->files[i].path, '/');
    return slash ? slash + 1 : set->files[i].path;
}

/* ------------------------------------------------------------- the folds' mean --- */

/* What is compared between papers. */
static struct measure (*const compared[])(const struct figures *) = {
        age_exact, age_near, gender_right};
static const char *const compared_names[] = {"age_exact", "age_one_off", "gender_accuracy"};
#define COMPARED ((int)(sizeof(compared) / sizeof(compared[0])))

/* Of the folds in which there is something to compare. */
static void spread(const struct tally *folds, int n, int what, enum tally_way way, double *ret_mean,
        double *ret_sd)
{
    double sum = 0, squares = 0;
    int counted = 0;
    for (int i = 0; i < n; i++) {
        double v = compared[what](&folds[i].figures[0][0][way]).value;
        if (!isnan(v)) {
            sum += v;
            squares += v * v;
            counted++;
        }
    }
    *ret_mean = counted ? sum / counted : (double)NAN;
    *ret_sd = counted > 1 ? sqrt(fmax(0, squares - sum * sum / counted) / (counted - 1))
                          : (double)NAN;
}

/* ------------------------------------------------------------- JSON --- */

static json_t *real(double v, int digits)
{
    return isnan(v) ? json_null() : json_real(event_round(v, digits));
}

static json_t *interval(const struct measure *m, int digits)
{
    if (isnan(m->low))
        return json_null();
    return json_pack("[o, o]", real(m->low, digits), real(m->high, digits));
}

static void add_measure(json_t *j, const char *key, struct measure m, int digits)
{
    char bounds[40];
    (void)snprintf(bounds, sizeof(bounds), "%s_ci95", key);
    json_object_set_new(j, key, real(m.value, digits));
    json_object_set_new(j, bounds, interval(&m, digits));
}

static void add_figures(json_t *j, const struct figures *f)
{
    json_object_set_new(j, "pictures", json_integer(f->pictures));
    json_object_set_new(j, "faces_found", json_integer(f->faces));
    json_object_set_new(j, "gender_coverage", real(ratio(f->gender_said, f->faces), SHARE_DIGITS));
    add_measure(j, "gender_accuracy", gender_right(f), SHARE_DIGITS);
    json_object_set_new(j, "age_coverage", real(ratio(f->age_said, f->faces), SHARE_DIGITS));
    add_measure(j, "age_exact", age_exact(f), SHARE_DIGITS);
    add_measure(j, "age_one_off", age_near(f), SHARE_DIGITS);
    add_measure(j, "age_mae", tally_mean(f->off, f->squares, f->age_judged), YEARS_DIGITS);
    add_measure(j, "age_bias", tally_mean(f->bias, f->squares, f->age_judged), YEARS_DIGITS);
    json_object_set_new(j, "ms_per_face", real(ms_per_face(f), YEARS_DIGITS));
}

/* Both ways: the answers as given, and under `always`. */
static void add_both(json_t *j, const struct figures f[TALLY_WAYS])
{
    json_t *always = json_object();
    add_figures(j, &f[TALLY_SAID]);
    add_figures(always, &f[TALLY_ALWAYS]);
    json_object_set_new(j, "always", always);
}

static json_t *name_or_null(const char *name)
{
    return name ? json_string(name) : json_null();
}

static json_t *groups_json(const struct tally *t)
{
    json_t *list = json_array();
    for (int age = 0; age <= TALLY_AGES; age++) {
        for (int gender = 0; gender <= TALLY_GENDERS; gender++) {
            if ((age == 0 && gender == 0) || t->figures[age][gender][0].pictures == 0)
                continue;
            json_t *j = json_pack("{s:o, s:o}", "age", name_or_null(tally_age_name(age)), "gender",
                    name_or_null(tally_gender_name(gender)));
            add_both(j, t->figures[age][gender]);
            json_array_append_new(list, j);
        }
    }
    return list;
}

static json_t *reliability_json(const struct tally *t)
{
    json_t *all = json_object();
    for (int p = 0; p < TALLY_PROMISES; p++) {
        json_t *list = json_array();
        for (int i = 0; i < TALLY_BINS; i++) {
            const struct bin *b = &t->bins[p][i];
            if (b->n == 0)
                continue;
            json_t *j = json_pack("{s:f, s:f, s:I}", "from", tally_bin_edges[i], "to",
                    tally_bin_edges[i + 1], "n", (json_int_t)b->n);
            json_object_set_new(j, "stated", real(b->stated / (double)b->n, SHARE_DIGITS));
            add_measure(j, "right", tally_share(b->right, b->n), SHARE_DIGITS);
            json_array_append_new(list, j);
        }
        json_object_set_new(all, promise_names[p], list);
    }
    return all;
}

static json_t *reasons_json(const int64_t reasons[UNKNOWN_COUNT])
{
    json_t *j = json_object();
    for (int i = 1; i < UNKNOWN_COUNT; i++)
        json_object_set_new(j, unknown_name((enum unknown)i), json_integer(reasons[i]));
    return j;
}

json_t *accuracy_json(const struct tally *t)
{
    json_t *j = json_object();
    add_both(j, t->figures[0][0]);
    json_object_set_new(j, "groups", groups_json(t));
    json_object_set_new(j, "reliability", reliability_json(t));
    json_object_set_new(j, "unknown",
            json_pack("{s:o, s:o}", "gender", reasons_json(t->gender_unknown), "age",
                    reasons_json(t->age_unknown)));
    return j;
}

void accuracy_add_folds(json_t *to, const struct tally *folds, const struct labels *set)
{
    json_t *list = json_array();
    json_t *means[TALLY_WAYS] = {json_object(), json_object()};
    json_t *sds[TALLY_WAYS] = {json_object(), json_object()};
    for (int i = 0; i < set->n_files; i++) {
        json_t *name = json_string(file_name(set, i));
        json_t *j = json_pack("{s:o}", "file", name ? name : json_string("?"));
        add_both(j, folds[i].figures[0][0]);
        json_array_append_new(list, j);
    }
    for (int way = 0; way < TALLY_WAYS; way++) {
        for (int k = 0; k < COMPARED; k++) {
            double mean, sd;
            spread(folds, set->n_files, k, (enum tally_way)way, &mean, &sd);
            json_object_set_new(means[way], compared_names[k], real(mean, SHARE_DIGITS));
            json_object_set_new(sds[way], compared_names[k], real(sd, SHARE_DIGITS));
        }
    }
    json_object_set_new(means[TALLY_SAID], "always", means[TALLY_ALWAYS]);
    json_object_set_new(sds[TALLY_SAID], "always", sds[TALLY_ALWAYS]);
    json_object_set_new(to, "folds", list);
    json_object_set_new(to, "mean", means[TALLY_SAID]);
    json_object_set_new(to, "sd", sds[TALLY_SAID]);
}

/* ------------------------------------------------------------- tables --- */

#define CELL 40

static const char *share(char text[CELL], double v)
{
    (void)snprintf(text, CELL, isnan(v) ? "-" : "%.1f %%", v * 100);
    return text;
}

/* "95 [92-97]", in per cent. */
static const char *share_brief(char text[CELL], struct measure m)
{
    (void)snprintf(text, CELL, isnan(m.value) ? "-" : "%.0f [%.0f-%.0f]", m.value * 100,
            m.low * 100, m.high * 100);
    return text;
}

static const char *share_full(char text[CELL], struct measure m)
{
    (void)snprintf(text, CELL, isnan(m.value) ? "-" : "%.1f %% [%.1f-%.1f]", m.value * 100,
            m.low * 100, m.high * 100);
    return text;
}

static const char *years(char text[CELL], double sum, const struct figures *f)
{
    struct measure m = tally_mean(sum, f->squares, f->age_judged);
    bool utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (isnan(m.low))
        (void)snprintf(text, CELL, isnan(m.value) ? "-" : "%.1f", m.value);
    else
        (void)snprintf(
                text, CELL, "%.1f %s%.1f", m.value, utf8 ? "\xc2\xb1" : "+-", m.high - m.value);
    return text;
}

static void add_row(struct table *table, const char *name, const char *said, const char *always)
{
    table_add(table, "%s", name);
    table_add(table, "%s", said);
    table_add(table, "%s", always);
}

static void print_whole(const struct tally *t)
{
    static const char *const titles[] = {"", "AS ANSWERED", "ALWAYS ANSWERING"};
    const struct figures *s = &t->figures[0][0][TALLY_SAID], *a = &t->figures[0][0][TALLY_ALWAYS];
    struct table *table = table_new(titles, 3);
    char x[CELL], y[CELL];
    add_row(table, "gender answered", share(x, ratio(s->gender_said, s->faces)),
            share(y, ratio(a->gender_said, a->faces)));
    add_row(table, "gender right", share_full(x, gender_right(s)), share_full(y, gender_right(a)));
    add_row(table, "age answered", share(x, ratio(s->age_said, s->faces)),
            share(y, ratio(a->age_said, a->faces)));
    add_row(table, "age range exact", share_full(x, age_exact(s)), share_full(y, age_exact(a)));
    add_row(table, "age range one-off", share_full(x, age_near(s)), share_full(y, age_near(a)));
    add_row(table, "error in years", years(x, s->off, s), years(y, a->off, a));
    add_row(table, "bias in years", years(x, s->bias, s), years(y, a->bias, a));
    table_print(table);
    table_free(table);
}

/* One without rows is not shown. */
static void finish(struct table *table, bool any, const char *title)
{
    if (any) {
        printf("\n%s\n", title);
        table_print(table);
    }
    table_free(table);
}

static void print_groups(const struct tally *t)
{
    static const char *const titles[] = {"AGE", "GENDER", ">FACES", ">SAID", ">GENDER RIGHT",
            ">SAID", ">AGE EXACT", ">ONE-OFF", ">ERROR", ">BIAS"};
    struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    char text[CELL];
    bool any = false;
    for (int age = 0; age <= TALLY_AGES; age++) {
        for (int gender = 0; gender <= TALLY_GENDERS; gender++) {
            const struct figures *f = &t->figures[age][gender][TALLY_SAID];
            if ((age == 0 && gender == 0) || f->pictures == 0)
                continue;
            any = true;
            table_add(table, "%s", age ? tally_age_name(age) : "all");
            table_add(table, "%s", gender ? tally_gender_name(gender) : "all");
            table_add(table, "%lld", (long long)f->faces);
            table_add(table, f->faces ? "%.0f" : "-", 100 * ratio(f->gender_said, f->faces));
            table_add(table, "%s", share_brief(text, gender_right(f)));
            table_add(table, f->faces ? "%.0f" : "-", 100 * ratio(f->age_said, f->faces));
            table_add(table, "%s", share_brief(text, age_exact(f)));
            table_add(table, "%s", share_brief(text, age_near(f)));
            table_add(table, "%s", years(text, f->off, f));
            table_add(table, "%s", years(text, f->bias, f));
        }
    }
    finish(table, any, "By label, as answered (per cent, years):");
}

static void print_reliability(const struct tally *t)
{
    static const char *const titles[] = {"STATED", ">GENDER", ">MEAN", ">RIGHT", ">AGE RANGE",
            ">MEAN", ">RIGHT", ">OR ONE-OFF", ">MEAN", ">RIGHT"};
    struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    char text[CELL];
    bool any = false;
    for (int i = 0; i < TALLY_BINS; i++) {
        int64_t n = 0;
        for (int p = 0; p < TALLY_PROMISES; p++)
            n += t->bins[p][i].n;
        if (n == 0)
            continue;
        any = true;
        table_add(table, "%.0f-%.0f %%", tally_bin_edges[i] * 100, tally_bin_edges[i + 1] * 100);
        for (int p = 0; p < TALLY_PROMISES; p++) {
            const struct bin *b = &t->bins[p][i];
            table_add(table, "%lld", (long long)b->n);
            table_add(table, b->n ? "%.0f" : "-", 100 * b->stated / (double)b->n);
            table_add(table, "%s", share_brief(text, tally_share(b->right, b->n)));
        }
    }
    finish(table, any, "Answers by their stated probability, sure or not (faces, per cent):");
}

static void print_reasons(const char *what, const int64_t reasons[UNKNOWN_COUNT])
{
    const char *gap = "";
    for (int i = 1; i < UNKNOWN_COUNT; i++) {
        if (reasons[i] == 0)
            continue;
        printf("%s%s%lld %s", *gap ? "" : what, gap, (long long)reasons[i],
                caption_reason((enum unknown)i));
        gap = ", ";
    }
    if (*gap)
        putchar('\n');
}

void accuracy_print(const struct tally *t)
{
    print_whole(t);
    print_groups(t);
    print_reliability(t);
    putchar('\n');
    print_reasons("Gender withheld: ", t->gender_unknown);
    print_reasons("Age withheld:    ", t->age_unknown);
    double ms = ms_per_face(&t->figures[0][0][TALLY_SAID]);
    if (!isnan(ms))
        printf("%.1f ms a face, for its attributes alone: detection and reading are not counted\n",
                ms);
}

static void add_compared(struct table *table, const double values[TALLY_WAYS][3], int n_ways)
{
    char text[CELL];
    for (int way = 0; way < n_ways; way++) {
        for (int k = 0; k < COMPARED; k++)
            table_add(table, "%s", share(text, values[way][k]));
    }
}

void accuracy_print_folds(const struct tally *folds, const struct labels *set)
{
    static const char *const titles[] = {"FOLD", ">PICTURES", ">FACES", ">AGE EXACT", ">ONE-OFF",
            ">GENDER", ">ALWAYS: AGE EXACT", ">ONE-OFF", ">GENDER"};
    struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    double values[TALLY_WAYS][3], mean[TALLY_WAYS][3], sd[TALLY_WAYS][3];
    for (int i = 0; i < set->n_files; i++) {
        const struct figures *f = folds[i].figures[0][0];
        for (int way = 0; way < TALLY_WAYS; way++) {
            for (int k = 0; k < COMPARED; k++)
                values[way][k] = compared[k](&f[way]).value;
        }
        table_add(table, "%s", file_name(set, i));
        table_add(table, "%lld", (long long)f->pictures);
        table_add(table, "%lld", (long long)f->faces);
        add_compared(table, values, TALLY_WAYS);
    }
    for (int way = 0; way < TALLY_WAYS; way++) {
        for (int k = 0; k < COMPARED; k++)
            spread(folds, set->n_files, k, (enum tally_way)way, &mean[way][k], &sd[way][k]);
    }
    for (int i = 0; i < 2; i++) {
        table_add(table, "%s", i ? "standard deviation" : "mean");
        table_add(table, "%s", "");
        table_add(table, "%s", "");
        add_compared(table, i ? sd : mean, TALLY_WAYS);
    }
    table_print(table);
    table_free(table);
    putchar('\n');
}
