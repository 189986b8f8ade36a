#include "store/outbox.h"

#include "base/mem.h"
#include "base/mono.h"
#include "store/sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES  100  /* what a row weighs besides its text, roughly */
#define DROP_BATCH 1000 /* dropped in one transaction */

struct outbox {
    const char *node;
    struct outbox_bounds bounds;
    sqlite3_stmt *supersede, *insert, *remove, *oldest, *be_lost, *after, *give, *forget, *numbered;
};

static const char supersede_text[] =
        "DELETE FROM outbox WHERE record = ? AND +msg IS NULL AND type = 'update' RETURNING bytes";
static const char insert_text[] =
        "INSERT INTO outbox(type, record, topic, json, bytes, decided_us, decided_boot_us, boot)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
static const char remove_text[] = "DELETE FROM outbox WHERE row = ? RETURNING bytes";
/* Numbered rows stand in front and are few, so this reads only a few rows. */
static const char oldest_text[] =
        "SELECT row, type, bytes, decided_us, decided_boot_us, boot, from_msg FROM outbox"
        " WHERE msg IS NULL ORDER BY row LIMIT 2";
static const char be_lost_text[] =
        "UPDATE outbox SET type = 'lost', record = NULL, topic = 'lost', json = ?, bytes = ?,"
        " decided_us = ?, decided_boot_us = ?, boot = ?, from_msg = ?, to_msg = ? WHERE row = ?";
static const char after_text[] =
        "SELECT row, msg, topic, json, decided_us, decided_boot_us, boot FROM outbox"
        " WHERE row > ? ORDER BY row LIMIT ?";
static const char forget_text[] =
        "DELETE FROM outbox WHERE record = ? AND +msg IS NULL RETURNING bytes";
static const char numbered_text[] = "SELECT row, msg, bytes FROM outbox WHERE record = ? LIMIT 1";
static const char give_text[] = "UPDATE outbox SET msg = ? WHERE row = ?";

int outbox_open(struct outbox **ret_o, struct sqlite3 *db, const char *node,
        const struct outbox_bounds *bounds)
{
    struct outbox *o = mem_new(1, sizeof(*o));
    *ret_o = o;
    o->node = node;
    o->bounds = *bounds;
    const struct {
        sqlite3_stmt **st;
        const char *text;
    } all[] = {
            {&o->supersede, supersede_text},
            {&o->insert, insert_text},
            {&o->remove, remove_text},
            {&o->oldest, oldest_text},
            {&o->be_lost, be_lost_text},
            {&o->after, after_text},
            {&o->give, give_text},
            {&o->forget, forget_text},
            {&o->numbered, numbered_text},
    };
    int rc = SQLITE_OK;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]) && rc == SQLITE_OK; i++)
        rc = sql_prepare(db, all[i].st, all[i].text);
    return rc;
}

void outbox_close(struct outbox *o)
{
    if (!o)
        return;
    sqlite3_finalize(o->supersede);
    sqlite3_finalize(o->insert);
    sqlite3_finalize(o->remove);
    sqlite3_finalize(o->oldest);
    sqlite3_finalize(o->be_lost);
    sqlite3_finalize(o->after);
    sqlite3_finalize(o->give);
    sqlite3_finalize(o->forget);
    sqlite3_finalize(o->numbered);
    free(o);
}

/* Runs a DELETE ... RETURNING bytes and takes what went out of the count. */
static int run_delete(sqlite3_stmt *st, struct meta *m)
{
    int rc;
    while ((rc = sql_next(st)) == SQLITE_ROW) {
        m->outbox_rows--;
        m->outbox_bytes -= sqlite3_column_int64(st, 0);
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int64_t weight(const char *topic, const char *json)
{
    return (int64_t)(strlen(topic) + strlen(json)) + ROW_BYTES;
}

int outbox_put(struct outbox *o, struct meta *m, const struct event *ev, int64_t seq)
{
    const struct envelope env = {m->epoch, o->node, seq};
    char *json = event_json(ev, &env);
    if (!json)
        return SQLITE_OK;
    int rc = SQLITE_OK;
    if (ev->type == EVENT_UPDATE) {
        rc = sql_bind(o->supersede, "s", ev->record.id);
        if (rc == SQLITE_OK)
            rc = run_delete(o->supersede, m);
    }
    char *topic = mem_format("%s/faces", ev->camera);
    int64_t bytes = weight(topic, json);
    if (rc == SQLITE_OK)
        rc = sql_bind(o->insert, "ssssiiis", event_type_name(ev->type), ev->record.id, topic, json,
                bytes, ev->time_us, ev->time_boot_us, mono_boot_id());
    if (rc == SQLITE_OK)
        rc = sql_run(o->insert);
    if (rc == SQLITE_OK) {
        m->outbox_rows++;
        m->outbox_bytes += bytes;
    }
    sqlite3_clear_bindings(o->insert);
    sqlite3_clear_bindings(o->supersede);
    free(topic);
    free(json);
    return rc;
}

int outbox_delete(struct outbox *o, struct meta *m, int64_t row)
{
    int rc = sql_bind(o->remove, "i", row);
    return rc == SQLITE_OK ? run_delete(o->remove, m) : rc;
}

/* ---- bounds ---- */

struct waiting {
    int64_t row, bytes, decided_us, decided_boot_us;
    bool is_lost, this_boot;
    int64_t from_msg; /* of a `lost` */
};

static bool is_this_boot(sqlite3_stmt *st, int column)
{
    const char *boot = (const char *)sqlite3_column_text(st, column);
    return boot && boot[0] && strcmp(boot, mono_boot_id()) == 0;
}

/* The oldest two that have no number yet. */
static int read_oldest(struct outbox *o, struct waiting w[2], int *ret_n)
{
    sqlite3_stmt *st = o->oldest;
    int rc, n = 0;
    sqlite3_reset(st);
    while ((rc = sql_next(st)) == SQLITE_ROW && n < 2) {
        const char *type = (const char *)sqlite3_column_text(st, 1);
        w[n++] = (struct waiting){
                .row = sqlite3_column_int64(st, 0),
                .is_lost = type && strcmp(type, "lost") == 0,
                .bytes = sqlite3_column_int64(st, 2),
                .decided_us = sqlite3_column_int64(st, 3),
                .decided_boot_us = sqlite3_column_int64(st, 4),
                .this_boot = is_this_boot(st, 5),
                .from_msg = sqlite3_column_int64(st, 6),
        };
    }
    *ret_n = n;
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* By the boot's clock where that tells: a machine without a battery starts in 1970, and when its
 * clock is set nothing has become old by it. */
static bool is_beyond(const struct outbox *o, const struct meta *m, const struct waiting *w,
        int64_t now_us, int64_t now_boot_us)
{
    int64_t age = w->this_boot ? now_boot_us - w->decided_boot_us : now_us - w->decided_us;
    return (o->bounds.size && m->outbox_bytes > o->bounds.size) ||
           (o->bounds.age_us && age > o->bounds.age_us);
}

/* Makes the row say that from..to are lost; it weighed `bytes` before. */
static int be_lost(struct outbox *o, struct meta *m, int64_t row, int64_t bytes, int64_t from,
        int64_t to, int64_t now_us, int64_t now_boot_us)
{
    const struct envelope env = {m->epoch, o->node, 0};
    char *json = event_json_lost(&env, now_us, (uint64_t)from, (uint64_t)to);
    int64_t now_bytes = weight("lost", json);
    int rc = sql_bind(o->be_lost, "siiisiii", json, now_bytes, now_us, now_boot_us, mono_boot_id(),
            from, to, row);
    if (rc == SQLITE_OK)
        rc = sql_run(o->be_lost);
    sqlite3_clear_bindings(o->be_lost);
    m->outbox_bytes += now_bytes - bytes;
    free(json);
    return rc;
}

int outbox_trim(struct outbox *o, struct meta *m, int64_t now_us, int64_t now_boot_us)
{
    for (int i = 0; i < DROP_BATCH; i++) {
        struct waiting w[2];
        int n;
        int rc = read_oldest(o, w, &n);
        if (rc != SQLITE_OK)
            return rc;
        /* A `lost` that waits is always the oldest, and grows instead of being dropped. */
        bool grows = n > 0 && w[0].is_lost;
        const struct waiting *victim = grows ? (n > 1 ? &w[1] : NULL) : (n > 0 ? &w[0] : NULL);
        if (!victim || !is_beyond(o, m, victim, now_us, now_boot_us))
            return SQLITE_OK;
        int64_t number = m->next_msg++;
        m->messages_dropped++;
        if (grows)
            rc = outbox_delete(o, m, victim->row);
        if (rc == SQLITE_OK)
            rc = be_lost(o, m, w[0].row, w[0].bytes, grows ? w[0].from_msg : number, number, now_us,
                    now_boot_us);
        if (rc != SQLITE_OK)
            return rc;
    }
    return SQLITE_OK;
}

void outbox_set_bounds(struct outbox *o, const struct outbox_bounds *bounds)
{
    o->bounds = *bounds;
}

/* Any message of this record; those without a number have gone before. 0: none. */
static int next_numbered(struct outbox *o, const char *record, int64_t *ret_row, int64_t *ret_msg,
        int64_t *ret_bytes)
{
    *ret_row = 0;
    int rc = sql_bind(o->numbered, "s", record);
    if (rc == SQLITE_OK)
        rc = sql_next(o->numbered);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_OK : rc;
    *ret_row = sqlite3_column_int64(o->numbered, 0);
    *ret_msg = sqlite3_column_int64(o->numbered, 1);
    *ret_bytes = sqlite3_column_int64(o->numbered, 2);
    sqlite3_reset(o->numbered);
    return SQLITE_OK;
}

int outbox_forget(struct outbox *o, struct meta *m, const char *record, int64_t *n)
{
    int64_t before = m->outbox_rows, row = 0, msg, bytes;
    int rc = sql_bind(o->forget, "s", record);
    if (rc == SQLITE_OK)
        rc = run_delete(o->forget, m);
    *n += before - m->outbox_rows;
    /* be_lost() takes the record out of the row, so this comes to its end. */
    while (rc == SQLITE_OK && (rc = next_numbered(o, record, &row, &msg, &bytes)) == SQLITE_OK &&
            row) {
        rc = be_lost(o, m, row, bytes, msg, msg, mono_wall_us(), mono_boot_us());
        (*n)++;
    }
    sqlite3_clear_bindings(o->forget); /* record ends with this call */
    sqlite3_clear_bindings(o->numbered);
    return rc;
}

/* ---- towards the bus ---- */

/* The number that a row has, or the next one, which it gets. */
static int number_of(struct outbox *o, struct meta *m, int64_t row, int64_t *ret_msg)
{
    *ret_msg = m->next_msg++;
    int rc = sql_bind(o->give, "ii", *ret_msg, row);
    return rc == SQLITE_OK ? sql_run(o->give) : rc;
}

int outbox_number(struct outbox *o, struct meta *m, int64_t after, size_t max,
        struct message **ret_list, size_t *ret_n)
{
    sqlite3_stmt *st = o->after;
    size_t n = 0;
    int rc = sql_bind(st, "ii", after, (int64_t)max);
    while (rc == SQLITE_OK && (rc = sql_next(st)) == SQLITE_ROW) {
        rc = SQLITE_OK;
        struct message *msg = message_new(sqlite3_column_int64(st, 0), 0,
                (const char *)sqlite3_column_text(st, 2), (const char *)sqlite3_column_text(st, 3));
        ret_list[n++] = msg;
        msg->msg = (uint64_t)sqlite3_column_int64(st, 1); /* 0: none yet, filled in below */
        msg->decided_us = sqlite3_column_int64(st, 4);
        msg->decided_boot_us = is_this_boot(st, 6) ? sqlite3_column_int64(st, 5) : -1;
    }
    rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
    /* Not while the cursor above reads the same table. */
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        int64_t msg = (int64_t)ret_list[i]->msg;
        if (!msg)
            rc = number_of(o, m, ret_list[i]->row, &msg);
        ret_list[i]->msg = (uint64_t)msg;
    }
    *ret_n = n;
    return rc;
}

static int run_with(struct sqlite3 *db, const char *text, int64_t number)
{
    sqlite3_stmt *st = NULL;
    int rc = sql_prepare(db, &st, text);
    if (rc == SQLITE_OK)
        rc = sql_bind(st, "i", number);
    if (rc == SQLITE_OK)
        rc = sql_run(st);
    sqlite3_finalize(st);
    return rc;
}

int outbox_begin_after(struct sqlite3 *db, int64_t row)
{
    /* Through negative numbers, so that no row meets another on its way. */
    int rc = sql_exec(db, "BEGIN IMMEDIATE; UPDATE outbox SET row = -row");
    if (rc == SQLITE_OK)
        rc = run_with(db, "UPDATE outbox SET row = ? - row", row);
    if (rc == SQLITE_OK)
        rc = sql_exec(db, "DELETE FROM sqlite_sequence WHERE name = 'outbox'");
    if (rc == SQLITE_OK)
        rc = run_with(db,
                "INSERT INTO sqlite_sequence(name, seq)"
                " SELECT 'outbox', max(?1, coalesce((SELECT max(row) FROM outbox), 0))",
                row);
    if (rc == SQLITE_OK)
        rc = sql_commit(db);
    if (rc != SQLITE_OK && !sqlite3_get_autocommit(db))
        (void)sql_exec(db, "ROLLBACK");
    return rc;
}
