#include "app/overload.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct overload {
    struct strain strain;
    struct ease ease;
    struct log_limit complained;
    int64_t began_us; /* the overload that is told of; 0: none is */
    bool said;        /* its beginning was */
};

double ease_share(const struct ease *e)
{
    return e ? atomic_load(&e->share) / 1000.0 : 1;
}

bool ease_keys(const struct ease *e)
{
    return e && atomic_load(&e->keys);
}

bool ease_active(const struct ease *e)
{
    return ease_share(e) < 1 || ease_keys(e);
}

static void order(struct overload *o)
{
    atomic_store(&o->ease.share, (int)lrint(o->strain.share * 1000));
    atomic_store(&o->ease.keys, o->strain.keys);
}

struct overload *overload_new(void)
{
    struct overload *o = mem_new(1, sizeof(*o));
    strain_init(&o->strain);
    order(o);
    return o;
}

void overload_free(struct overload *o)
{
    free(o);
}

const struct ease *overload_ease(const struct overload *o)
{
    return &o->ease;
}

void overload_words(const struct overload *o, char *dst, size_t size)
{
    int percent = (int)lrint(o->strain.share * 100);
    (void)snprintf(dst, size,
            "%d %% of every camera's pictures are looked at, more where somebody is%s", percent,
            o->strain.keys ? "; where nobody is, key frames only" : "");
}

/* Its beginning, at growing intervals where it comes and goes, and its end if that was said. */
static void tell(struct overload *o, int64_t now_us)
{
    bool was = o->began_us != 0;
    if (o->strain.since_us && !was) {
        o->began_us = o->strain.since_us;
        char words[160];
        overload_words(o, words, sizeof(words));
        o->said = log_due(&o->complained, now_us);
        if (o->said)
            log_warn("health", "overloaded: %s", words);
    } else if (!o->strain.since_us && was) {
        if (o->said)
            log_info("health", "no longer overloaded, after %lld s",
                    (long long)((now_us - o->began_us) / MONO_SECOND));
        o->began_us = 0;
    }
}

void overload_tick(struct overload *o, const struct strain_second *second, int64_t now_us)
{
    if (!strain_tick(&o->strain, second, now_us))
        return;
    order(o);
    tell(o, now_us);
}

int64_t overload_since_us(const struct overload *o)
{
    return o->strain.since_us;
}

json_t *overload_json(const struct overload *o, int64_t now_us)
{
    int64_t since_us = o->strain.since_us;
    json_t *j = json_object();
    json_object_set_new(j, "active", json_boolean(since_us));
    json_object_set_new(j, "for_s", json_integer(since_us ? (now_us - since_us) / MONO_SECOND : 0));
    json_object_set_new(j, "share", json_real(atomic_load(&o->ease.share) / 1000.0));
    json_object_set_new(j, "key_frames_only", json_boolean(o->strain.keys));
    return j;
}
