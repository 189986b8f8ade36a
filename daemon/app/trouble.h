#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * What is wrong just now, since when, and what to do about it: one list for `facectl status`, for
 * systemd's status line and for programs.
 *
 * It is made anew each time from what everybody says of himself; an empty one means that all is
 * well. Main only.
 */
#define TROUBLES_MAX 64

struct trouble {
    char who[64]; /* "camera 'door'", "broker" */
    int64_t for_s;
    char text[384]; /* a sentence with the way out */
};

struct troubles {
    int n; /* all of them; those beyond TROUBLES_MAX are only counted */
    struct trouble list[TROUBLES_MAX];
};

void trouble_add(struct troubles *t, const char *who, int64_t for_s, const char *text);

/* "; camera 'door', for 12 min: wrong password ...; 2 more, see facectl status"; "" for none. */
void trouble_line(const struct troubles *t, char *dst, size_t size);

/* [{who, since, for_s, text}]: a json_t, the caller's. wall_us: now. */
struct json_t *trouble_json(const struct troubles *t, int64_t wall_us);
