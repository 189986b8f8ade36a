#include "app/ctl/people.h"

#include "app/ctl/ctl.h"
#include "base/mem.h"
#include "base/when.h"
#include "picture/caption.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct people {
    bool json;
    const char *source;
    int total;
    int n; /* who is there */
    struct there {
        char id[UUID_TEXT];
        int number;
    } * there;
};

struct people *people_new(bool json, const char *source)
{
    struct people *p = mem_new(1, sizeof(*p));
    p->json = json;
    p->source = source;
    return p;
}

void people_free(struct people *p)
{
    if (!p)
        return;
    free(p->there);
    free(p);
}

static struct there *who(struct people *p, const char *id)
{
    for (int i = 0; i < p->n; i++) {
        if (strcmp(p->there[i].id, id) == 0)
            return &p->there[i];
    }
    p->there = mem_grow(p->there, (size_t)p->n + 1, sizeof(*p->there));
    struct there *t = &p->there[p->n++];
    (void)snprintf(t->id, sizeof(t->id), "%s", id);
    t->number = ++p->total;
    return t;
}

static void print_json(const struct people *p, const struct event *ev, int number)
{
    static const char *const of_a_database[] = {
            "epoch", "msg", "seq", "node", "camera", "published", "replayed"};
    struct envelope env = {"", "", 0};
    char *text = event_json(ev, &env);
    json_t *j = json_loads(text, 0, NULL);
    free(text);
    for (size_t i = 0; i < sizeof(of_a_database) / sizeof(of_a_database[0]); i++)
        json_object_del(j, of_a_database[i]);
    ctl_put_name(j, "source", p->source);
    json_object_set_new(j, "person", json_integer(number));
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(j);
}

static void print_time(int64_t wall_us, int64_t anchor_us)
{
    char text[WHEN_TEXT];
    if (!anchor_us) {
        when_format_local(text, wall_us);
        printf("%s", text);
        return;
    }
    int64_t ms = wall_us > anchor_us ? (wall_us - anchor_us) / 1000 : 0;
    printf("%02lld:%02lld:%02lld.%lld", (long long)(ms / 3600000), (long long)(ms / 60000 % 60),
            (long long)(ms / 1000 % 60), (long long)(ms / 100 % 10));
}

static void print_text(const struct event *ev, int number, int64_t anchor_us)
{
    char words[CAPTION_TEXT];
    const struct record *r = &ev->record;
    caption_full(words, &r->answers);
    print_time(ev->type == EVENT_NEW ? r->start_us : r->end_us, anchor_us);
    if (ev->type == EVENT_NEW)
        printf("  person %d appears", number);
    else if (ev->type == EVENT_UPDATE)
        printf("  person %d settles", number);
    else
        printf("  person %d leaves after %.1f s", number, event_duration_s(r->start_us, r->end_us));
    bool nothing_yet = ev->type == EVENT_NEW && r->answers.age_unknown == UNKNOWN_NOT_ESTIMATED &&
                       r->answers.gender_unknown == UNKNOWN_NOT_ESTIMATED;
    printf("%s%s\n", nothing_yet ? "" : ": ", nothing_yet ? "" : words);
}

void people_tell(struct people *p, const struct event *ev, int64_t anchor_us)
{
    struct there *t = who(p, ev->record.id);
    if (p->json)
        print_json(p, ev, t->number);
    else
        print_text(ev, t->number, anchor_us);
    if (ev->type == EVENT_END)
        *t = p->there[--p->n];
    (void)fflush(stdout); /* whoever reads us wants it now */
}

void people_sum_up(const struct people *p)
{
    if (!p->json)
        fprintf(stderr, "%d %s\n", p->total, p->total == 1 ? "person" : "people");
}
