#pragma once

#include "store/reader.h"

#include <jansson.h>
#include <stdio.h>

/*
 * A row of the view `faces` as others read it: JSON and CSV, for facectl and for the web page, with
 * the view's columns in their order.
 */

/* A new reference; what is NULL is null. epoch: put first where it is not NULL. */
json_t *row_json(const struct face_row *row, const char *epoch);

/* RFC 4180, a line with its end. */
void row_csv_head(FILE *to, bool epoch);
void row_csv(FILE *to, const struct face_row *row, const char *epoch);

/* One field of such a line, quoted where it must be. */
void csv_field(FILE *to, const char *text);
