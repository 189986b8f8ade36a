/* Random numbers for tests: the same with every C library, and from each seed. */
#pragma once

#include <stdint.h>

static uint32_t seed;

/* From 0 to 1. */
static inline float draw(void)
{
    seed = seed * 1664525 + 1013904223;
    return (float)(seed >> 8) / (1 << 24);
}

static inline float noise(float sd) /* nearly normal */
{
    return sd * (draw() + draw() + draw() + draw() - 2) * 1.732f;
}
