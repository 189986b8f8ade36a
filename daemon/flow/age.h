#pragma once

/*
 * The eight age ranges of Levi and Hassner (2015), and how a number of years becomes one of them.
 *
 * The ranges have gaps (3, 7, 13-14 ...), so an age is mapped to the nearest: a range is the
 * interval [low, high + 1), the distance to it is 0 inside, and on a tie the lower range wins.
 * Labels of test pictures are mapped by the same rule, so that an estimate and a label of equal
 * years always agree.
 */
#define AGE_RANGES 8

/* "0-2" ... "60-100"; static storage. */
const char *age_range_name(int range);

/* The range's number for its name, or -1. */
int age_range_named(const char *name);

/* The nearest range to years (0 for anything below). years must be a number. */
int age_range_of(float years);

/*
 * Where one range ends and the next begins under that mapping: AGE_RANGES - 1 values, rising.
 * An age up to and including bounds[i] is in range i or below.
 */
extern const float age_bounds[AGE_RANGES - 1];

/*
 * The probability of each range when the true age is distributed normally around years with
 * standard deviation sd > 0. Sums to 1: what lies below 0 counts as 0.
 */
void age_spread(float years, float sd, float ret_p[AGE_RANGES]);
