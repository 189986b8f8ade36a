#include "base/sha256.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

int sha256_file(const char *path, char ret_text[SHA256_TEXT], struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, -errno, "cannot open %s: %s", path, err_name(errno));

    EVP_MD_CTX *md = mem_check(EVP_MD_CTX_new());
    EVP_DigestInit_ex(md, EVP_sha256(), NULL);
    unsigned char buffer[16384];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        EVP_DigestUpdate(md, buffer, (size_t)n);
    int failed = n < 0 ? errno : 0;
    unsigned char sum[EVP_MAX_MD_SIZE];
    EVP_DigestFinal_ex(md, sum, NULL);
    EVP_MD_CTX_free(md);
    close(fd);
    if (failed)
        return err_set(e, -failed, "cannot read %s: %s", path, err_name(failed));
    for (int i = 0; i < 32; i++)
        (void)snprintf(ret_text + 2 * i, 3, "%02x", sum[i]);
    return 0;
}
