#include "app/labels.h"

#include "app/adience.h"
#include "base/mem.h"
#include "flow/age.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 32
#define AGE_MAX     120

/* A table's line, cut at its tabs. */
struct row {
    const char *file;
    int line;
    int n;
    char *cells[COLUMNS_MAX];
};

enum column {
    PATH,
    AGE,
    GENDER,
    USER,
    ORIGINAL,
    FACE,
    COLUMN_COUNT,
};

static const char *const manifest_names[COLUMN_COUNT] = {
        [PATH] = "path", [AGE] = "age", [GENDER] = "gender"};
static const char *const fold_names[COLUMN_COUNT] = {[AGE] = "age",
        [GENDER] = "gender",
        [USER] = "user_id",
        [ORIGINAL] = "original_image",
        [FACE] = "face_id"};

static void cut(struct row *row, char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
    row->n = 0;
    for (char *rest = text; rest && row->n < COLUMNS_MAX;)
        row->cells[row->n++] = strsep(&rest, "\t");
}

/* Which column is where; -1: this kind of file has none such. */
static int find_columns(const struct row *header, const char *const names[COLUMN_COUNT],
        int ret_columns[COLUMN_COUNT], struct err *e)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        ret_columns[i] = -1;
        for (int k = 0; k < header->n && names[i]; k++) {
            if (strcmp(header->cells[k], names[i]) == 0)
                ret_columns[i] = k;
        }
        if (names[i] && ret_columns[i] < 0)
            return err_set(e, -EINVAL,
                    "%s:1: the header has no column '%s'; a manifest's is path, age, gender, with "
                    "tabs between, a fold file of Adience begins with user_id",
                    header->file, names[i]);
    }
    return 0;
}

/* ------------------------------------------------------------- a manifest's cells --- */

/* Digits and a point, nothing else that strtof() would take. */
static bool number(const char *text, const char **ret_end, float *ret)
{
    size_t digits = strspn(text, "0123456789.");
    char *end;
    *ret = strtof(text, &end);
    *ret_end = text + digits;
    return digits > 0 && end == text + digits && *ret <= AGE_MAX;
}

static bool parse_age(const char *text, struct label *l)
{
    const char *end;
    l->range = -1;
    if (!*text)
        return true;
    if (strlen(text) >= LABEL_TEXT || !number(text, &end, &l->low))
        return false;
    memcpy(l->age_text, text, strlen(text) + 1);
    l->high = l->low;
    l->age = *end ? LABEL_AGE_RANGE : LABEL_AGE_YEARS;
    if (strcmp(end, "+") == 0) {
        l->high = INFINITY;
    } else if (*end == '-') {
        if (!number(end + 1, &end, &l->high) || *end || l->high < l->low)
            return false;
        l->high += 1;
    } else if (*end) {
        return false;
    }
    l->range = age_range_of(label_middle(l));
    return true;
}

static char *beside(const char *file, const char *path)
{
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash)
        return mem_strdup(path);
    return mem_format("%.*s/%s", (int)(slash - file), file, path);
}

static int take_manifest(
        const struct row *row, const int columns[COLUMN_COUNT], struct label *l, struct err *e)
{
    const char *path = row->cells[columns[PATH]], *age = row->cells[columns[AGE]],
               *gender = row->cells[columns[GENDER]];
    if (!*path)
        return err_set(e, -EINVAL, "%s:%d: there is no path", row->file, row->line);
    if (!parse_age(age, l))
        return err_set(e, -EINVAL,
                "%s:%d: age '%.40s': expected years up to %d (64.4), a range (25-32, 70+) or "
                "nothing",
                row->file, row->line, age, AGE_MAX);
    if (*gender && strcmp(gender, "M") != 0 && strcmp(gender, "F") != 0)
        return err_set(e, -EINVAL, "%s:%d: gender '%.40s': expected M, F or nothing", row->file,
                row->line, gender);
    if (*gender)
        l->gender = *gender == 'F' ? LABEL_FEMALE : LABEL_MALE;
    l->path = beside(row->file, path);
    return 0;
}

/* ------------------------------------------------------------- a fold file's --- */

static int take_fold(
        const struct row *row, const int columns[COLUMN_COUNT], struct label *l, struct err *e)
{
    const char *age = row->cells[columns[AGE]], *gender = row->cells[columns[GENDER]];
    const char *user = row->cells[columns[USER]], *original = row->cells[columns[ORIGINAL]];
    const char *face = row->cells[columns[FACE]];
    /* They become a path. */
    if (!*user || !*original || !*face || strchr(user, '/') || strchr(original, '/') ||
            strchr(face, '/') || user[0] == '.')
        return err_set(e, -EINVAL,
                "%s:%d: user_id, face_id and original_image do not name a picture", row->file,
                row->line);
    if (!adience_age(age, l))
        return err_set(e, -EINVAL,
                "%s:%d: age '%.40s': expected a group such as (25, 32), a number, None or nothing",
                row->file, row->line, age);
    if (!adience_gender(gender, l))
        return err_set(e, -EINVAL, "%s:%d: gender '%.40s': expected f, m, u or nothing", row->file,
                row->line, gender);
    l->user = mem_strdup(user);
    l->photo = mem_format("%s.%s", face, original);
    return 0;
}

/* ------------------------------------------------------------- a file --- */

static int take(struct labels *set, const struct row *row, const int columns[COLUMN_COUNT],
        int n_columns, struct err *e)
{
    struct label l = {.file = set->n_files - 1, .range = -1};
    for (int i = 0; i < COLUMN_COUNT; i++) {
        if (columns[i] >= row->n)
            return err_set(e, -EINVAL, "%s:%d: %d columns are here, the header has %d", row->file,
                    row->line, row->n, n_columns);
    }
    bool fold = set->files[l.file].fold;
    int r = fold ? take_fold(row, columns, &l, e) : take_manifest(row, columns, &l, e);
    if (r < 0)
        return r;
    if ((set->n & (set->n - 1)) == 0)
        set->list = mem_grow(set->list, set->n ? set->n * 2 : 1, sizeof(*set->list));
    set->list[set->n++] = l;
    return 0;
}

static int by_age(const void *a, const void *b)
{
    const struct label *x = *(struct label *const *)a, *y = *(struct label *const *)b;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

static bool same_age(const struct label *a, const struct label *b)
{
    return a->low == b->low && a->high == b->high;
}

/* The distinct ranges from `first` on, in their order: each learns where its neighbours end. */
static void meet_neighbours(struct labels *set, size_t first)
{
    size_t n = 0;
    struct label **sorted = mem_new(set->n - first + 1, sizeof(struct label *));
    for (size_t i = first; i < set->n; i++) {
        if (set->list[i].age == LABEL_AGE_RANGE)
            sorted[n++] = &set->list[i];
    }
    qsort(sorted, n, sizeof(struct label *), by_age);
    for (size_t i = 0; i < n; i++) {
        bool same = i > 0 && same_age(sorted[i], sorted[i - 1]);
        if (i == 0)
            sorted[i]->near_low = sorted[i]->low;
        else
            sorted[i]->near_low = same ? sorted[i - 1]->near_low : sorted[i - 1]->low;
    }
    for (size_t i = n; i-- > 0;) {
        bool same = i + 1 < n && same_age(sorted[i], sorted[i + 1]);
        if (i + 1 == n)
            sorted[i]->near_high = sorted[i]->high;
        else
            sorted[i]->near_high =
                    same ? sorted[i + 1]->near_high : fmaxf(sorted[i]->high, sorted[i + 1]->high);
    }
    free(sorted);
}

static int read_lines(struct labels *set, const char *path, FILE *in, struct err *e)
{
    struct row row = {.file = path};
    int columns[COLUMN_COUNT], n_columns = 0, r = 0;
    char *text = NULL;
    size_t size = 0;
    while (r == 0 && getline(&text, &size, in) >= 0) {
        bool mark = row.line == 0 && strncmp(text, "\xef\xbb\xbf", 3) == 0;
        cut(&row, text + (mark ? 3 : 0));
        row.line++;
        if (row.line == 1) {
            bool fold = strcmp(row.cells[0], fold_names[USER]) == 0;
            set->files[set->n_files - 1].fold = fold;
            n_columns = row.n;
            r = find_columns(&row, fold ? fold_names : manifest_names, columns, e);
        } else if (row.n > 1 || row.cells[0][0]) {
            r = take(set, &row, columns, n_columns, e);
        }
    }
    if (r == 0 && ferror(in))
        r = err_set(e, -errno, "%s: cannot be read: %s", path, err_name(errno));
    else if (r == 0 && row.line == 0)
        r = err_set(e, -EINVAL, "%s: the file is empty", path);
    free(text);
    return r;
}

int labels_read_from(struct labels *set, const char *path, FILE *in, struct err *e)
{
    size_t first = set->n;
    set->files = mem_grow(set->files, (size_t)set->n_files + 1, sizeof(*set->files));
    set->files[set->n_files++] = (struct label_file){.path = mem_strdup(path)};
    int r = read_lines(set, path, in, e);
    if (r == 0)
        meet_neighbours(set, first);
    return r;
}

int labels_read(struct labels *set, const char *path, struct err *e)
{
    FILE *in = fopen(path, "re");
    if (!in)
        return err_set(e, -errno, "%s: %s", path, err_name(errno));
    int r = labels_read_from(set, path, in, e);
    (void)fclose(in);
    return r;
}

void labels_done(struct labels *set)
{
    for (size_t i = 0; i < set->n; i++) {
        free(set->list[i].path);
        free(set->list[i].user);
        free(set->list[i].photo);
    }
    for (int i = 0; i < set->n_files; i++)
        free(set->files[i].path);
    free(set->list);
    free(set->files);
    *set = (struct labels){0};
}

float label_middle(const struct label *l)
{
    return isinf(l->high) ? l->low : (l->low + l->high) / 2;
}
