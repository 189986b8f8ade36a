#include "store/writer.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/mono.h"
#include "store/copy.h"
#include "store/crops.h"
#include "store/dbfile.h"
#include "store/outbox.h"
#include "store/quarters.h"
#include "store/record.h"
#include "store/sql.h"
#include "store/upkeep.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct writer {
    const struct store_options *options;
    struct store_settings settings;
    int lock_fd;
    struct dbfile_mark mark; /* of the file that is open */
    struct sqlite3 *db;      /* NULL: damaged and moved aside, the next not yet begun */
    struct records *records;
    struct quarters *quarters;
    struct outbox *outbox;
    struct crops *crops;
    struct upkeep *upkeep;
    struct meta meta; /* as committed */
    int64_t last_row; /* of the outbox, that was handed out in this process */
    bool ended_open;  /* records that a crash left open have been ended */
    bool swept;       /* pictures that a crash left have been removed */
};

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- one batch ---- */

/* One event about a record: its row, and its message in the same breath. */
static int write_record(struct writer *w, struct meta *m, const struct event *ev)
{
    bool changed = false;
    int64_t seq = ev->type == EVENT_END ? m->next_seq : 0;
    int rc = records_write(w->records, ev, seq, &changed);
    if (rc != SQLITE_OK || !changed)
        return rc;
    if (ev->type == EVENT_END) {
        m->next_seq++;
        rc = quarters_add(w->quarters, ev->record.id);
        if (rc == SQLITE_OK && ev->jpeg)
            rc = crop_add(w->crops, ev->record.id, ev->jpeg, mono_wall_us());
    }
    return rc == SQLITE_OK && w->settings.mqtt ? outbox_put(w->outbox, m, ev, seq) : rc;
}

static int write_event(struct writer *w, struct meta *m, const struct event *ev)
{
    /* Of people nothing but the sums; no number is given either. */
    if (w->settings.aggregate_only && ev->type != EVENT_CAMERA)
        return ev->type == EVENT_END ? quarters_add_person(w->quarters, ev) : SQLITE_OK;
    switch (ev->type) {
    case EVENT_NEW:
    case EVENT_SEEN:
    case EVENT_UPDATE:
    case EVENT_END: return write_record(w, m, ev);
    case EVENT_OBSERVATION:
        return w->settings.observations ? records_observe(w->records, ev) : SQLITE_OK;
    case EVENT_CAMERA: return records_camera(w->records, ev);
    }
    return SQLITE_OK;
}

static int end_open(struct writer *w, struct meta *m, int *ret_n)
{
    struct event ev;
    char before[UUID_TEXT] = "";
    bool found = true;
    for (*ret_n = 0;; (*ret_n)++) {
        int rc = records_next_open(w->records, &ev, &found);
        /* One that stays open although it was ended has a name that is none of ours. */
        if (rc == SQLITE_OK && found && strcmp(before, ev.record.id) == 0)
            return SQLITE_CORRUPT;
        memcpy(before, ev.record.id, sizeof(before));
        if (rc == SQLITE_OK && found)
            rc = write_record(w, m, &ev);
        if (rc != SQLITE_OK || !found)
            return rc;
    }
}

static void add_loss(struct meta *m, const struct batch *b)
{
    if (!b->records_lost)
        return;
    m->records_lost += (int64_t)b->records_lost;
    if (!m->lost_from_us || b->lost_from_us < m->lost_from_us)
        m->lost_from_us = b->lost_from_us;
    m->lost_to_us = at_least(m->lost_to_us, b->lost_to_us);
}

/* All between BEGIN and COMMIT. */
static int fill(struct writer *w, struct meta *m, struct batch *b, int *ret_ended)
{
    int rc = meta_read(w->db, m);
    if (rc == SQLITE_OK && !w->ended_open)
        rc = records_cameras_down(w->records);
    if (rc == SQLITE_OK && !w->ended_open)
        rc = end_open(w, m, ret_ended);
    for (size_t i = 0; i < b->n_events && rc == SQLITE_OK; i++)
        rc = write_event(w, m, b->events[i]);
    for (size_t i = 0; i < b->n_acks && rc == SQLITE_OK; i++)
        rc = outbox_delete(w->outbox, m, b->acks[i]->row);
    if (rc == SQLITE_OK && w->settings.mqtt)
        rc = outbox_trim(w->outbox, m, mono_wall_us(), mono_boot_us());
    if (rc == SQLITE_OK && b->room)
        rc = outbox_number(w->outbox, m, w->last_row, b->room, b->out, &b->n_out);
    add_loss(m, b);
    return rc == SQLITE_OK ? meta_write(w->db, m) : rc;
}

static int transact(struct writer *w, struct batch *b)
{
    struct meta m;
    int ended = 0;
    b->n_out = 0;
    int rc = sql_exec(w->db, "BEGIN IMMEDIATE");
    if (rc != SQLITE_OK)
        return rc;
    rc = fill(w, &m, b, &ended);
    if (rc == SQLITE_OK)
        rc = sql_commit(w->db);
    if (rc != SQLITE_OK) {
        for (size_t i = 0; i < b->n_out; i++)
            message_free(b->out[i]);
        b->n_out = 0;
        return rc;
    }
    w->meta = m;
    w->ended_open = true;
    if (b->n_out)
        w->last_row = b->out[b->n_out - 1]->row;
    if (ended)
        log_warn("store", "%d records that the last run left open were ended where last seen",
                ended);
    return SQLITE_OK;
}

/* ---- the file ---- */

static void let_go(struct writer *w)
{
    records_close(w->records);
    quarters_close(w->quarters);
    outbox_close(w->outbox);
    crops_close(w->crops);
    upkeep_close(w->upkeep);
    w->records = NULL;
    w->quarters = NULL;
    w->outbox = NULL;
    w->crops = NULL;
    w->upkeep = NULL;
}

static void detach(struct writer *w)
{
    let_go(w);
    sqlite3_close(w->db);
    w->db = NULL;
}

static struct outbox_bounds bounds_of(const struct store_settings *s)
{
    return (struct outbox_bounds){s->outbox_age_us, s->outbox_size};
}

static int prepare(struct writer *w)
{
    const struct store_options *o = w->options;
    const struct outbox_bounds bounds = bounds_of(&w->settings);
    int rc = records_open(&w->records, w->db, o->node);
    if (rc == SQLITE_OK)
        rc = quarters_open(&w->quarters, w->db);
    if (rc == SQLITE_OK)
        rc = outbox_open(&w->outbox, w->db, o->node, &bounds);
    if (rc == SQLITE_OK)
        rc = crops_open(&w->crops, w->db, o->path);
    const struct upkeep_parts parts = {w->db, w->crops, w->outbox, w->quarters};
    return rc == SQLITE_OK ? upkeep_open(&w->upkeep, &parts) : rc;
}

/* An earlier state of the same database, put in its place: its next numbers were given already. */
static bool is_behind(const struct meta *m, const struct meta *known)
{
    return known->epoch[0] && strcmp(m->epoch, known->epoch) == 0 &&
           (m->next_msg < known->next_msg || m->next_seq < known->next_seq);
}

/* What is known of the file becomes what this one says. Another one than before has not heard of
 * the messages that this process handed out, and its open records are of another run. */
static int get_to_know(struct writer *w)
{
    struct meta m;
    int rc = meta_read(w->db, &m);
    if (rc == SQLITE_OK && (m.copied || is_behind(&m, &w->meta)))
        rc = copy_begin(w->db, &m);
    bool another = rc == SQLITE_OK && w->meta.epoch[0] && strcmp(w->meta.epoch, m.epoch) != 0;
    if (another)
        rc = outbox_begin_after(w->db, w->last_row);
    if (rc != SQLITE_OK)
        return rc;
    if (another)
        w->ended_open = false;
    w->meta = m;
    return SQLITE_OK;
}

static void sweep(struct writer *w)
{
    int r = w->swept ? 0 : crops_sweep(w->crops);
    w->swept = true;
    if (r < 0)
        log_warn("store", "pictures that nobody knows stay in '%s.crops': %s", w->options->path,
                err_name(r));
}

static int attach(struct writer *w, struct err *e)
{
    const char *path = w->options->path;
    int r = dbfile_relock(path, &w->lock_fd, e);
    if (r == 0)
        r = w->options->strict ? dbfile_open_strict(path, &w->db, e) : dbfile_open(path, &w->db, e);
    if (r < 0)
        return r;
    dbfile_mark(path, &w->mark);
    int rc = prepare(w);
    if (rc == SQLITE_OK)
        rc = get_to_know(w);
    if (rc == SQLITE_OK) {
        sweep(w);
        return 0;
    }
    char reason[128];
    /* A table that is missing makes its statement a logic error. */
    r = (rc & 0xff) == SQLITE_ERROR ? -EUCLEAN : schema_errno_of(w->db, rc);
    sql_reason(w->db, rc, reason, sizeof(reason));
    (void)err_set(e, r, "database '%s' cannot be read: %s: %s", path, reason, dbfile_way_out(r));
    detach(w);
    return r;
}

/* Damage that shows after the opening. */
static int replace(struct writer *w, const char *why, struct err *e)
{
    detach(w);
    if (w->options->strict)
        return dbfile_refuse_damaged(w->options->path, why, e);
    int r = dbfile_set_aside(w->options->path, why, e);
    return r < 0 ? r : attach(w, e);
}

static int attach_or_replace(struct writer *w, struct err *e)
{
    int r = attach(w, e);
    if (r == -EUCLEAN)
        r = attach(w, e); /* see look_again() */
    if (r == -EUCLEAN)    /* its version says ours, its tables do not */
        r = replace(w, "tables are missing", e);
    return r;
}

/*
 * SQLite calls it damage, too, when the disk failed to read a page. So damage is believed when it
 * is there at a second look, with nothing remembered of the first.
 */
static int look_again(struct writer *w, struct err *e)
{
    detach(w);
    return attach_or_replace(w, e);
}

/*
 * The file at the path is the one that is open, or is made so. What is written into a file that
 * has no name any more nobody ever reads.
 */
static int be_attached(struct writer *w, struct err *e)
{
    struct dbfile_mark now;
    dbfile_mark(w->options->path, &now);
    if (w->db && dbfile_same(&now, &w->mark))
        w->mark = now; /* the -wal is made by the first commit */
    if (w->db && !dbfile_same(&now, &w->mark)) {
        log_error("store", "database '%s' was %s while faced used it: faced goes on with %s",
                w->options->path, now.ino ? "exchanged" : "removed",
                now.ino ? "the one that is there now" : "a new one");
        let_go(w);
        dbfile_abandon(w->db, w->options->path, &w->mark);
        w->db = NULL;
    }
    return w->db ? 0 : attach_or_replace(w, e);
}

static void roll_back(struct writer *w)
{
    if (w->db && !sqlite3_get_autocommit(w->db))
        (void)sql_exec(w->db, "ROLLBACK");
}

int writer_write(struct writer *w, struct batch *b, struct err *e)
{
    b->n_out = 0;
    int r = be_attached(w, e);
    if (r < 0)
        return r;
    int rc = transact(w, b);
    if (sql_is_damage(rc)) {
        r = look_again(w, e);
        if (r < 0)
            return r;
        rc = transact(w, b);
    }
    if (rc == SQLITE_OK)
        return 0;
    char reason[128];
    r = schema_errno_of(w->db, rc);
    sql_reason(w->db, rc, reason, sizeof(reason));
    roll_back(w);
    if (!sql_is_damage(rc))
        return err_set(e, r, "%s", reason);
    r = replace(w, reason, e);
    if (r == 0)
        rc = transact(w, b);
    if (r == 0 && rc != SQLITE_OK) {
        r = schema_errno_of(w->db, rc);
        sql_reason(w->db, rc, reason, sizeof(reason));
        r = err_set(e, r, "%s", reason);
        roll_back(w);
    }
    return r;
}

/* ---- upkeep ---- */

static int remove_some(struct writer *w, struct chore *c)
{
    struct meta m;
    struct removal before = *c->gone;
    int rc = sql_exec(w->db, "BEGIN IMMEDIATE");
    if (rc == SQLITE_OK)
        rc = meta_read(w->db, &m);
    if (rc == SQLITE_OK && c->kind == CHORE_PRUNE)
        rc = upkeep_prune(
                w->upkeep, &m, &w->settings.kept, mono_wall_us(), c->amount, c->gone, &c->more);
    else if (rc == SQLITE_OK)
        rc = upkeep_erase(w->upkeep, &m, c->who, c->amount, c->gone, &c->more);
    if (rc == SQLITE_OK)
        rc = meta_write(w->db, &m);
    if (rc == SQLITE_OK)
        rc = sql_commit(w->db);
    if (rc == SQLITE_OK) {
        crops_committed(w->crops);
        w->meta = m;
    } else {
        crops_rolled_back(w->crops);
        *c->gone = before;
    }
    return rc;
}

static int do_chore(struct writer *w, struct chore *c)
{
    bool done = false;
    int rc;
    switch (c->kind) {
    case CHORE_PRUNE:
    case CHORE_ERASE: return remove_some(w, c);
    case CHORE_SHRINK: return upkeep_shrink(w->upkeep, c->amount, c->all, &c->more);
    case CHORE_EMPTY_WAL:
        rc = upkeep_empty_wal(w->upkeep, &done);
        c->more = !done;
        return rc;
    }
    return SQLITE_OK;
}

/* Failure as a negative errno with its sentence. Damage is replaced as it is while writing. */
static int explain(struct writer *w, int rc, struct err *e)
{
    if (rc == SQLITE_OK)
        return 0;
    char reason[128];
    sql_reason(w->db, rc, reason, sizeof(reason));
    roll_back(w);
    struct err why = {0};
    int r = schema_errno(rc);
    if (!sql_is_damage(rc))
        return err_set(e, r, "%s", reason);
    if (replace(w, reason, &why) == 0)
        return err_set(e, r,
                "the database was damaged (%s) and moved aside, with all that is in it", reason);
    log_debug("store", "%s", why.text);
    return err_set(e, r, "%s", reason);
}

int writer_chore(struct writer *w, struct chore *c, struct err *e)
{
    c->more = false;
    int r = be_attached(w, e);
    int rc = r < 0 ? SQLITE_OK : do_chore(w, c);
    if (sql_is_damage(rc)) {
        r = look_again(w, e);
        rc = r < 0 ? SQLITE_OK : do_chore(w, c);
    }
    return r < 0 ? r : explain(w, rc, e);
}

bool writer_prune_due(struct writer *w)
{
    bool due = false;
    return w->db &&
           upkeep_is_due(w->upkeep, &w->settings.kept, mono_wall_us(), &due) == SQLITE_OK && due;
}

int writer_still_there(struct writer *w, const struct erasure *who, int64_t *ret_n, struct err *e)
{
    int r = be_attached(w, e);
    return r < 0 ? r : explain(w, upkeep_still_there(w->upkeep, who, ret_n), e);
}

bool writer_cannot_shrink(struct writer *w)
{
    int64_t mode = 0;
    return w->db && sql_integer(w->db, "PRAGMA auto_vacuum", &mode) == SQLITE_OK && mode == 0;
}

int writer_rewrite(struct writer *w, struct err *e)
{
    int r = dbfile_rewrite(w->db);
    return r < 0 ? err_set(e, r, "it cannot be written anew: %s", err_name(r)) : 0;
}

void writer_hand_out_from(struct writer *w, int64_t row)
{
    w->last_row = row - 1;
}

void writer_set(struct writer *w, const struct store_settings *settings)
{
    const struct outbox_bounds bounds = bounds_of(settings);
    w->settings = *settings;
    if (w->outbox)
        outbox_set_bounds(w->outbox, &bounds);
}

/* ---- life ---- */

/* Fails for an order that meets damage; with a lock it has patience of its own. */
static int write_first(struct writer *w, struct err *e)
{
    struct batch none = {0};
    bool strict = w->options->strict;
    *e = (struct err){0}; /* of damage that was replaced */
    int r = writer_write(w, &none, e);
    if (r < 0 && r != -EUCLEAN && strict) {
        log_warn("store", "database '%s' cannot be written yet: %s", w->options->path, e->text);
        *e = (struct err){0};
        return 0;
    }
    return strict ? r : 0;
}

struct writer *writer_open(const struct store_options *options, struct err *e)
{
    struct writer *w = mem_new(1, sizeof(*w));
    w->options = options;
    w->settings = options->settings;
    w->lock_fd = dbfile_lock(options->path, e);
    int r = w->lock_fd < 0 ? w->lock_fd : attach_or_replace(w, e);
    /* Another daemon does not pass: its end is nobody's repair. */
    bool survived = !options->strict && dbfile_may_pass(r) && w->lock_fd != -EBUSY;
    if (r == 0)
        r = write_first(w, e);
    if (r == 0 || survived)
        return w;
    writer_close(w);
    return NULL;
}

void writer_close(struct writer *w)
{
    if (!w)
        return;
    detach(w);
    if (w->lock_fd >= 0)
        close(w->lock_fd);
    free(w);
}

const struct meta *writer_meta(const struct writer *w)
{
    return &w->meta;
}

bool writer_owes(const struct writer *w)
{
    return !w->ended_open;
}
