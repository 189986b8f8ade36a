#include "flow/message.h"

#include "base/mem.h"
#include "base/mono.h"

#include <stdlib.h>

#define REPLAY_AFTER (10 * MONO_SECOND)

struct message *message_new(int64_t row, uint64_t msg, const char *topic, const char *json)
{
    struct message *m = mem_new(1, sizeof(*m));
    m->row = row;
    m->msg = msg;
    m->topic = mem_strdup(topic);
    m->json = mem_strdup(json);
    m->decided_boot_us = -1;
    return m;
}

void message_free(void *message)
{
    struct message *m = message;
    if (!m)
        return;
    free(m->topic);
    free(m->json);
    free(m);
}

bool message_replayed(const struct message *m, int64_t now_us, int64_t now_boot_us)
{
    if (m->decided_boot_us >= 0)
        return now_boot_us - m->decided_boot_us > REPLAY_AFTER;
    /* Of another boot and from the future: the clock was set back, its age is unknown. */
    int64_t age_us = now_us - m->decided_us;
    return age_us < 0 || age_us > REPLAY_AFTER;
}
