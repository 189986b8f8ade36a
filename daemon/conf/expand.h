#pragma once

#include "base/err.h"

#include <stdbool.h>

/*
 * Secrets that are not written into the configuration: `${file:NAME}` is the content of a file,
 * without its last line end, and `${env:NAME}` an environment variable. `$${` is a literal `${`.
 *
 * NAME of a file has no slashes; it is looked for in $CREDENTIALS_DIRECTORY, where systemd puts
 * what LoadCredential= names, then in secrets_dir. A file that everybody may read is used, with a
 * warning: containers mount their secrets like that.
 *
 * No error contains a value. Every value goes to redact_add(), except in a path.
 */
struct expand {
    const char *secrets_dir; /* not needed for paths */
    bool resolve;            /* false: each secret becomes "***", and no file is opened */
};

enum expand_use {
    EXPAND_TEXT,
    EXPAND_URL,  /* values are percent-encoded where the text is a URL; one that comes as a whole
                    out of a secret stays as it is */
    EXPAND_PATH, /* takes ${env:NAME} only; that is resolved in any case and is no secret */
};

/*
 * ret_real: the value, to be wiped and freed. ret_shown: the same with "***" for each secret, to
 * be freed. 0 or -EINVAL, and nothing is returned.
 */
int expand_text(const struct expand *x, const char *text, enum expand_use use, char **ret_real,
        char **ret_shown, struct err *e);
