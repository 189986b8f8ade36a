#include "base/secret.h"

#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <sys/random.h>

void secret_random(void *ret, size_t n)
{
    /* Up to 256 bytes come whole or not at all once the kernel's pool is ready. */
    if (n > 256 || getrandom(ret, n, 0) != (ssize_t)n)
        mem_check(NULL);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void secret_digest(const uint8_t key[SECRET_DIGEST], const char *text, uint8_t ret[SECRET_DIGEST])
{
    unsigned n = SECRET_DIGEST;
    mem_check(HMAC(
            EVP_sha256(), key, SECRET_DIGEST, (const unsigned char *)text, strlen(text), ret, &n));
}
