#include "app/adience.h"

#include "base/mem.h"
#include "flow/age.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGE_MAX 120

/* A number from 0 to AGE_MAX, and what comes after it. */
static bool number(const char **text, int *ret)
{
    char *end;
    long n = strtol(*text, &end, 10);
    if (end == *text || n < 0 || n > AGE_MAX)
        return false;
    *text = end;
    *ret = (int)n;
    return true;
}

static bool skip(const char **text, const char *word)
{
    size_t n = strlen(word);
    bool there = strncmp(*text, word, n) == 0;
    *text += there ? n : 0;
    return there;
}

bool adience_age(const char *text, struct label *l)
{
    int low, high;
    const char *at = text;
    l->age = LABEL_AGE_NONE;
    l->range = -1;
    if (!*text || strcmp(text, "None") == 0)
        return true;
    bool pair = skip(&at, "(");
    if (strlen(text) >= LABEL_TEXT || !number(&at, &low))
        return false;
    high = low;
    if (pair && !(skip(&at, ", ") && number(&at, &high) && skip(&at, ")")))
        return false;
    if (*at)
        return false;
    l->age = LABEL_AGE_EIGHT;
    memcpy(l->age_text, text, strlen(text) + 1);
    l->low = (float)(low < high ? low : high);
    l->high = (float)(low < high ? high : low) + (pair ? 1 : 0);
    l->range = age_range_of(label_middle(l));
    return true;
}

bool adience_gender(const char *text, struct label *l)
{
    l->gender = strcmp(text, "f") == 0   ? LABEL_FEMALE
                : strcmp(text, "m") == 0 ? LABEL_MALE
                                         : LABEL_GENDER_NONE;
    return l->gender != LABEL_GENDER_NONE || !*text || strcmp(text, "u") == 0;
}

size_t adience_find(struct labels *set, const char *dir, bool *ret_aligned)
{
    size_t found = 0;
    char *aligned = mem_format("%s/aligned", dir);
    *ret_aligned = access(aligned, F_OK) == 0;
    free(aligned);
    const char *folder = *ret_aligned ? "aligned" : "faces";
    const char *kind = *ret_aligned ? "landmark_aligned_face" : "coarse_tilt_aligned_face";
    for (size_t i = 0; i < set->n; i++) {
        struct label *l = &set->list[i];
        free(l->path);
        l->path = mem_format("%s/%s/%s/%s.%s", dir, folder, l->user, kind, l->photo);
        if (access(l->path, F_OK) == 0) {
            found++;
        } else {
            free(l->path);
            l->path = NULL;
        }
    }
    return found;
}
