#include "store/crops.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "store/schema.h"
#include "store/sql.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct crops {
    char *directory;
    sqlite3_stmt *add, *remove, *oldest, *find;
    char **doomed; /* names of files whose rows this transaction has deleted */
    size_t n;
    struct log_limit complaint;
};

static const char add_text[] =
        "INSERT OR REPLACE INTO crops(id, file, bytes, made_us) VALUES (?, ?, ?, ?)";
static const char remove_text[] = "DELETE FROM crops WHERE id = ? RETURNING file";
static const char oldest_text[] = "SELECT id FROM crops WHERE made_us < ? ORDER BY made_us LIMIT 1";
static const char find_text[] = "SELECT 1 FROM crops WHERE id = ? AND file = ?";

char *crops_directory(const char *database)
{
    return mem_format("%s.crops", database);
}

int crops_open(struct crops **ret_c, struct sqlite3 *db, const char *database)
{
    struct crops *c = mem_new(1, sizeof(*c));
    *ret_c = c;
    c->directory = crops_directory(database);
    int rc = sql_prepare(db, &c->add, add_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &c->remove, remove_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &c->oldest, oldest_text);
    if (rc == SQLITE_OK)
        rc = sql_prepare(db, &c->find, find_text);
    return rc;
}

void crops_close(struct crops *c)
{
    if (!c)
        return;
    crops_rolled_back(c);
    free(c->doomed);
    sqlite3_finalize(c->add);
    sqlite3_finalize(c->remove);
    sqlite3_finalize(c->oldest);
    sqlite3_finalize(c->find);
    free(c->directory);
    free(c);
}

static void doom(struct crops *c, const char *file)
{
    if (!file || strchr(file, '/')) /* a row that is not ours to believe */
        return;
    c->doomed = mem_grow(c->doomed, c->n + 1, sizeof(*c->doomed));
    c->doomed[c->n++] = mem_strdup(file);
}

/* Whole and on the disk, or not there. 0 or a negative errno. */
static int write_file(const struct crops *c, const char *file, const struct jpeg *jpeg)
{
    if (mkdir(c->directory, 0750) < 0 && errno != EEXIST)
        return -errno;
    char *path = mem_format("%s/%s", c->directory, file);
    char *part = mem_format("%s.part", path);
    int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    int r = fd < 0 ? -errno : 0;
    for (size_t at = 0; r == 0 && at < jpeg->size;) {
        ssize_t n = write(fd, jpeg->data + at, jpeg->size - at);
        r = n < 0 ? -errno : 0;
        at += n > 0 ? (size_t)n : 0;
    }
    if (r == 0 && fsync(fd) < 0)
        r = -errno;
    if (fd >= 0)
        close(fd);
    if (r == 0 && rename(part, path) < 0)
        r = -errno;
    if (r < 0)
        (void)unlink(part);
    free(part);
    free(path);
    return r;
}

int crop_add(struct crops *c, const char *id, const struct jpeg *jpeg, int64_t made_us)
{
    char file[UUID_TEXT + 4];
    (void)snprintf(file, sizeof(file), "%s.jpg", id);
    int r = write_file(c, file, jpeg);
    if (r < 0) {
        if (log_due(&c->complaint, mono_us()))
            log_error("store",
                    "picture '%s/%s' cannot be written (%s); its record is kept (%u more)",
                    c->directory, file, err_name(r), c->complaint.held_back);
        return SQLITE_OK;
    }
    int rc = sql_bind(c->add, "ssii", id, (const char *)file, (int64_t)jpeg->size, made_us);
    if (rc == SQLITE_OK)
        rc = sql_run(c->add);
    sqlite3_clear_bindings(c->add);
    return rc;
}

int crops_expired(struct crops *c, int64_t before_us, bool *ret_some)
{
    int rc = sql_bind(c->oldest, "i", before_us);
    if (rc == SQLITE_OK)
        rc = sql_next(c->oldest);
    *ret_some = rc == SQLITE_ROW;
    sqlite3_reset(c->oldest);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int crop_delete(struct crops *c, const char *id, int64_t *n)
{
    int rc = sql_bind(c->remove, "s", id);
    while (rc == SQLITE_OK && (rc = sql_next(c->remove)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        doom(c, (const char *)sqlite3_column_text(c->remove, 0));
        (*n)++;
    }
    sqlite3_clear_bindings(c->remove); /* id ends with this call */
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int crop_expire(struct crops *c, int64_t before_us, int max, int64_t *n)
{
    for (int i = 0; i < max; i++) {
        char id[UUID_TEXT];
        int rc = sql_bind(c->oldest, "i", before_us);
        if (rc == SQLITE_OK)
            rc = sql_next(c->oldest);
        if (rc != SQLITE_ROW)
            return rc == SQLITE_DONE ? SQLITE_OK : rc;
        (void)snprintf(id, sizeof(id), "%s", (const char *)sqlite3_column_text(c->oldest, 0));
        sqlite3_reset(c->oldest);
        rc = crop_delete(c, id, n);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

static int remove_file(const struct crops *c, const char *name)
{
    char *path = mem_format("%s/%s", c->directory, name);
    int r = unlink(path) < 0 && errno != ENOENT ? -errno : 0;
    free(path);
    return r;
}

static void forget(struct crops *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->doomed[i]);
    c->n = 0;
}

void crops_committed(struct crops *c)
{
    for (size_t i = 0; i < c->n; i++) {
        int r = remove_file(c, c->doomed[i]);
        if (r < 0 && log_due(&c->complaint, mono_us()))
            log_error("store",
                    "picture '%s/%s' cannot be removed (%s): give faced write permission there; "
                    "it is removed at the next start",
                    c->directory, c->doomed[i], err_name(r));
    }
    forget(c);
}

void crops_rolled_back(struct crops *c)
{
    forget(c);
}

/* Is it a name that we give, and its row there? Other files are none of our business. */
static bool is_orphan(struct crops *c, const char *name)
{
    char id[UUID_TEXT] = "";
    size_t length = strlen(name);
    if (length < sizeof(id) || strncmp(name + sizeof(id) - 1, ".jpg", 4) != 0)
        return false;
    memcpy(id, name, sizeof(id) - 1);
    if (!uuid_valid(id))
        return false;
    int rc = sql_bind(c->find, "ss", id, name);
    if (rc == SQLITE_OK)
        rc = sql_next(c->find);
    sqlite3_reset(c->find);
    sqlite3_clear_bindings(c->find);
    return rc == SQLITE_DONE;
}

int crops_sweep(struct crops *c)
{
    DIR *d = opendir(c->directory);
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    int n = 0, r = 0;
    struct dirent *entry;
    while ((entry = readdir(d))) {
        if (!is_orphan(c, entry->d_name))
            continue;
        int removed = remove_file(c, entry->d_name);
        n += removed == 0;
        r = removed < 0 ? removed : r;
    }
    closedir(d);
    return r < 0 ? r : n;
}
