#pragma once

#include "flow/settings.h"

#include <stdio.h>

/*
 * The effective configuration as a file that can be loaded again: grouped and sorted as the table
 * in schema.c, every default written out, every secret as "***". Without secrets it loads to the
 * same values.
 */
void conf_dump(const struct conf *c, FILE *to);
