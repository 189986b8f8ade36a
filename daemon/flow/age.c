#include "flow/age.h"

#include <math.h>
#include <string.h>

static const char *const names[AGE_RANGES] = {
        "0-2", "4-6", "8-12", "15-20", "25-32", "38-43", "48-53", "60-100"};

/* Half way between the end of one range, high + 1, and the low of the next. */
const float age_bounds[AGE_RANGES - 1] = {3.5f, 7.5f, 14, 23, 35.5f, 46, 57};

const char *age_range_name(int range)
{
    return names[range];
}

int age_range_named(const char *name)
{
    for (int i = 0; i < AGE_RANGES; i++) {
        if (strcmp(names[i], name) == 0)
            return i;
    }
    return -1;
}

int age_range_of(float years)
{
    int i = 0;
    while (i < AGE_RANGES - 1 && years > age_bounds[i])
        i++;
    return i;
}

void age_spread(float years, float sd, float ret_p[AGE_RANGES])
{
    float below = 0;
    for (int i = 0; i < AGE_RANGES; i++) {
        float upto = 1;
        if (i < AGE_RANGES - 1)
            upto = 0.5f * erfcf((years - age_bounds[i]) / (sd * sqrtf(2)));
        ret_p[i] = upto - below;
        below = upto;
    }
}
