#pragma once

#include "base/err.h"
#include "conf/schema.h"
#include "flow/settings.h"

#include <libconfig.h>

/*
 * From libconfig's groups into the structures of flow/settings.h: each key as the table of
 * schema.h says, and each error with its place in front, "FILE:LINE: WHERE: ...". No text of the
 * file gets into an error unless it is a key's name, so that none tells a secret.
 *
 * Functions that return int: 0, or -EINVAL with the loader's error filled in.
 *
 * Threads: main only, as all of libconfig.
 */

#define GROUP_WHERE 64 /* "cameras[123]" */

/* One load; lives on the stack of conf_load(). */
struct loader {
    const char *file;
    unsigned flags; /* conf_load()'s */
    bool resolve;   /* put secrets in; else they stay "***" */
    struct conf *c;
    struct err *e;
    const config_setting_t *member; /* of a list, which is wrong; NULL: all of it */
};

/* "a list ( ... )" and the like, for what was found instead of what is expected. */
const char *group_type(const config_setting_t *s);

/* -EINVAL; s: where it is, NULL: anywhere in the file; where: "" or what the place is called. */
int group_fail(struct loader *l, const config_setting_t *s, const char *where, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));

/* Every key of the group belongs there? section is the table's name for it, where the one for
 * people. */
int group_check(
        struct loader *l, const config_setting_t *group, const char *section, const char *where);

/* The group of this name, checked; NULL in *ret: it is not there. */
int group_find(struct loader *l, const config_setting_t *root, const char *name,
        const config_setting_t **ret);

/* Puts one key's value from its group into base, the struct that its offset is of. group NULL:
 * nothing stands there. */
int group_take(struct loader *l, const struct conf_key *key, void *base,
        const config_setting_t *group, const char *where);
