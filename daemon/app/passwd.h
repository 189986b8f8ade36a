#pragma once

#include "base/err.h"

/*
 * The password of the web page, as a file with its hash: yescrypt by crypt(3), as in shadow(5), so
 * that who reads the file has not got the password.
 */

/* Replaces the file; it belongs to its directory's group and is readable by it. 0, or a negative
 * errno with a sentence. */
int passwd_set(const char *path, const char *password, struct err *e);

/* Takes a tenth of a second. 1: that is it; 0: it is not; -ENOENT: none was set; or what hinders,
 * with a sentence. */
int passwd_check(const char *path, const char *password, struct err *e);

#define PASSWD_MIN 8
#define PASSWD_MAX 256 /* bytes */
