#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * The bus's ear without a bus, in the place of bus/bus.c for those who only call bus_state(): keeps
 * what was said of each topic.
 *
 * Threads: any.
 */

/* An address to hand out as a struct bus. */
struct bus;
extern struct bus *const fake_bus;

void fake_bus_forget(void);

/* What was said of a topic so far, in order, without repeats: "offline online"; "" for nothing. */
void fake_bus_said(const char *topic, char *ret_text, size_t size);

/* Waits until exactly this was said; false: after half a minute something else was. */
bool fake_bus_hears(const char *topic, const char *text);
