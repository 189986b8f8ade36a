#include "vision/attr.h"

#include <math.h>

float attr_female(const float pair[2], bool female_first)
{
    float sum = pair[0] + pair[1];
    float p = pair[female_first ? 0 : 1] / sum;
    return pair[0] >= 0 && pair[1] >= 0 && sum > 0 && isfinite(sum) ? p : NAN;
}

float attr_logit(float p)
{
    p = fminf(fmaxf(p, 1e-6f), 1 - 1e-6f);
    return logf(p / (1 - p));
}

float attr_probability(float logit)
{
    return 1 / (1 + expf(-logit));
}
