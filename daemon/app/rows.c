#include "app/rows.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* The columns of the view `faces`, in its order; both formats are made from this one list. */
enum column_type {
    COLUMN_TEXT,
    COLUMN_INTEGER,
    COLUMN_REAL,
};

#define NULL_IS_ZERO 1 /* 0 stands for NULL */
#define AT(field)    offsetof(struct face_row, field)
static const struct {
    const char *name;
    enum column_type type;
    size_t offset;
    unsigned flags;
} columns[] = {
        {"id", COLUMN_TEXT, AT(id), 0},
        {"seq", COLUMN_INTEGER, AT(seq), NULL_IS_ZERO},
        {"node", COLUMN_TEXT, AT(node), 0},
        {"camera", COLUMN_TEXT, AT(camera), 0},
        {"start_time", COLUMN_TEXT, AT(start_time), 0},
        {"end_time", COLUMN_TEXT, AT(end_time), 0},
        {"start_us", COLUMN_INTEGER, AT(start_us), 0},
        {"end_us", COLUMN_INTEGER, AT(end_us), NULL_IS_ZERO},
        {"duration_s", COLUMN_REAL, AT(duration_s), 0},
        {"end_reason", COLUMN_TEXT, AT(end_reason), 0},
        {"age_years", COLUMN_REAL, AT(age_years), 0},
        {"age_range", COLUMN_TEXT, AT(age_range), 0},
        {"age_probability", COLUMN_REAL, AT(age_probability), 0},
        {"age_unknown", COLUMN_TEXT, AT(age_unknown), 0},
        {"gender", COLUMN_TEXT, AT(gender), 0},
        {"gender_probability", COLUMN_REAL, AT(gender_probability), 0},
        {"gender_unknown", COLUMN_TEXT, AT(gender_unknown), 0},
        {"samples", COLUMN_INTEGER, AT(samples), 0},
        {"score", COLUMN_REAL, AT(score), 0},
        {"box_x", COLUMN_REAL, AT(box_x), 0},
        {"box_y", COLUMN_REAL, AT(box_y), 0},
        {"box_w", COLUMN_REAL, AT(box_w), 0},
        {"box_h", COLUMN_REAL, AT(box_h), 0},
        {"width_px", COLUMN_INTEGER, AT(width_px), 0},
        {"detector", COLUMN_TEXT, AT(detector), 0},
        {"attributes", COLUMN_TEXT, AT(attributes), 0},
};
#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* A new reference: the column's value, null for NULL. */
static json_t *column_json(const struct face_row *row, size_t i)
{
    const char *at = (const char *)row + columns[i].offset;
    switch (columns[i].type) {
    case COLUMN_TEXT: {
        const char *s = *(const char *const *)at;
        return s ? json_string(s) : json_null();
    }
    case COLUMN_INTEGER: {
        int64_t n = *(const int64_t *)at;
        return n == 0 && (columns[i].flags & NULL_IS_ZERO) ? json_null() : json_integer(n);
    }
    case COLUMN_REAL: break;
    }
    double d = *(const double *)at;
    return isnan(d) ? json_null() : json_real(d);
}

json_t *row_json(const struct face_row *row, const char *epoch)
{
    json_t *j = json_object();
    if (epoch)
        json_object_set_new(j, "epoch", json_string(epoch));
    for (size_t i = 0; i < COLUMNS; i++)
        json_object_set_new(j, columns[i].name, column_json(row, i));
    return j;
}

/* No value here holds a comma, a quote or a line's end but what a stranger's database may have put
 * there, so text is quoted where it must be. */
void csv_field(FILE *to, const char *s)
{
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, to);
        return;
    }
    fputc('"', to);
    for (; *s; s++) {
        if (*s == '"')
            fputc('"', to);
        fputc(*s, to);
    }
    fputc('"', to);
}

void row_csv_head(FILE *to, bool epoch)
{
    if (epoch)
        fputs("epoch,", to);
    for (size_t i = 0; i < COLUMNS; i++)
        fprintf(to, "%s%s", i ? "," : "", columns[i].name);
    fputs("\r\n", to);
}

void row_csv(FILE *to, const struct face_row *row, const char *epoch)
{
    if (epoch)
        fprintf(to, "%s,", epoch);
    for (size_t i = 0; i < COLUMNS; i++) {
        if (i)
            fputc(',', to);
        json_t *j = column_json(row, i);
        if (json_is_string(j))
            csv_field(to, json_string_value(j));
        else if (json_is_integer(j))
            fprintf(to, "%lld", (long long)json_integer_value(j));
        else if (json_is_real(j))
            fprintf(to, "%.15g", json_real_value(j));
        json_decref(j);
    }
    fputs("\r\n", to);
}
