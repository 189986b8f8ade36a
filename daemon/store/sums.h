#pragma once

#include "store/reader.h"

/*
 * How many came, as sums by quarter of an hour: questions about audiences, which would otherwise
 * read every record, and which outlive the records.
 *
 * Only people who have left are in them.
 */
#define SUMS_QUARTER_US (INT64_C(900) * 1000000)

struct sum {
    int64_t start_us; /* of the quarter in which they came, UTC */
    const char *camera;
    int age_range; /* -1: unknown */
    enum {
        SUM_MALE,
        SUM_FEMALE,
        SUM_UNKNOWN,
        SUM_GENDERS,
    } gender;
    int64_t people;
    int64_t stay_us; /* of all of them together */
};

/* Quarters that begin at since_us or later, and before until_us, in their order. camera NULL: all.
 * with_cameras: their names are wanted, else sum.camera is NULL.
 * 0, or negative with a sentence. */
int reader_sums(struct reader *r, const char *camera, bool with_cameras, int64_t since_us,
        int64_t until_us, void (*each)(const struct sum *sum, void *arg), void *arg, struct err *e);
