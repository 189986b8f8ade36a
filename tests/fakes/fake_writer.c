#include "fake_writer.h"

#include "fake_mono.h"
#include "store/writer.h"

struct fake_writer fake_writer;

static int64_t take(int64_t *from, int amount)
{
    int64_t n = *from < amount ? *from : amount;
    *from -= n;
    return n;
}

int writer_chore(struct writer *w, struct chore *c, struct err *e)
{
    (void)w;
    struct fake_writer *f = &fake_writer;
    int64_t us = 0, n;
    c->more = false;
    if (++f->pieces == f->fail_at)
        return err_set(e, f->code, "it was told to fail");
    switch (c->kind) {
    case CHORE_PRUNE:
    case CHORE_ERASE:
        n = take(&f->rows, c->amount);
        us = n * f->row_us;
        c->gone->records += n;
        c->more = f->rows > 0;
        break;
    case CHORE_SHRINK:
        us = take(&f->pages, c->amount) * f->page_us;
        c->more = f->pages > 0;
        f->shrinks_all += c->all;
        break;
    case CHORE_EMPTY_WAL:
        f->empties++;
        c->more = f->readers-- > 0;
        break;
    }
    fake_mono_ahead(us);
    f->longest_us = us > f->longest_us ? us : f->longest_us;
    f->last_amount = c->amount;
    return 0;
}

bool writer_prune_due(struct writer *w)
{
    (void)w;
    return fake_writer.rows > 0;
}

int writer_still_there(struct writer *w, const struct erasure *who, int64_t *ret_n, struct err *e)
{
    (void)w;
    (void)who;
    (void)e;
    *ret_n = 2;
    return 0;
}

bool writer_cannot_shrink(struct writer *w)
{
    (void)w;
    return false;
}
