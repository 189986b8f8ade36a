#pragma once

#include "store/store.h"

#include <stdbool.h>

/*
 * Where others leave what they want of the store, and read how far it is: settings, and one order
 * at a time.
 *
 * Any thread leaves and reads; the store's thread takes and tells. The lock is a leaf, and the
 * waking of the one who ordered happens outside of it.
 */
struct desk;

struct desk *desk_new(void);
void desk_free(struct desk *d); /* NULL is fine */

/* Who is woken by news; before the second thread starts. */
void desk_on_progress(struct desk *d, void (*wake)(void *arg), void *arg);

/* For others. */
void desk_set(struct desk *d, const struct store_settings *settings);
int desk_order(struct desk *d, const struct store_order *order); /* 0, -EBUSY, -ESHUTDOWN */
void desk_progress(struct desk *d, struct store_progress *ret_progress);

/* For the store: true when there is a new one. */
bool desk_take_settings(struct desk *d, struct store_settings *ret_settings);
bool desk_take_order(struct desk *d, struct store_order *ret_order);

/* Of the order that was taken; one that does not run any more makes room for the next. */
void desk_tell(struct desk *d, const struct store_progress *progress);

/* No more orders are taken, and one that was not taken fails. */
void desk_close(struct desk *d);
