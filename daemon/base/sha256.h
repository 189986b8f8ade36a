#pragma once

#include "base/err.h"

/*
 * SHA-256 of a file as 64 lower-case hexadecimal digits: a model is what its card says, or it is
 * not loaded. The home of libcrypto.
 */
#define SHA256_TEXT 65

int sha256_file(const char *path, char ret_text[SHA256_TEXT], struct err *e);
