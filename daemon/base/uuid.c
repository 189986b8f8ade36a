#include "base/uuid.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void uuid_make(char ret_text[UUID_TEXT], int64_t wall_us)
{
    uint8_t b[16];
    /* Up to 256 bytes come whole or not at all once the kernel's pool is ready. */
    if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
        mem_check(NULL);

    uint64_t ms = (uint64_t)wall_us / 1000;
    for (int i = 0; i < 6; i++)
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f)); /* version 7 */
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f)); /* variant 10 */

    char *out = ret_text;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *out++ = '-';
        (void)snprintf(out, 3, "%02x", b[i]);
        out += 2;
    }
}

bool uuid_valid(const char *text)
{
    if (strlen(text) != UUID_TEXT - 1)
        return false;
    for (int i = 0; i < UUID_TEXT - 1; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !strchr("0123456789abcdef", text[i]))
            return false;
    }
    return true;
}
