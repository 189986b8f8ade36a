#include "base/backoff.h"

void backoff_init(struct backoff *b, int min_ms, int max_ms, uint64_t seed)
{
    *b = (struct backoff){min_ms, max_ms, 0, seed * 2 + 1};
    backoff_reset(b);
}

/* xorshift64*: enough to keep cameras apart, and the same everywhere. */
static uint32_t draw(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (uint32_t)((x * UINT64_C(2685821657736338717)) >> 32);
}

int backoff_next(struct backoff *b)
{
    int step = b->next_ms;
    b->next_ms = step > b->max_ms / 2 ? b->max_ms : step * 2;
    int half = step / 2;
    int wait = half + (int)(draw(&b->random) % (uint32_t)(step - half + 1));
    return wait < b->min_ms ? b->min_ms : wait;
}

void backoff_reset(struct backoff *b)
{
    /* Twice min, so that the first wait too is spread: from min to here. */
    b->next_ms = b->min_ms > b->max_ms / 2 ? b->max_ms : b->min_ms * 2;
}
