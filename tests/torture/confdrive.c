/* needs: conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text conf/dump base/err base/mem base/log base/mono base/url base/redact base/when base/utf8 flow/polygon */

/*
 * The configuration alone, for make torture: what `faced --dump-config` does, without the
 * libraries that the daemon loads for its pictures.
 *
 *     confdrive FILE
 *
 * Exit 0 with the effective configuration, 78 with one line.
 */
#include "base/err.h"
#include "base/redact.h"
#include "conf/dump.h"
#include "conf/load.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    struct err e = {0};
    struct conf *c = NULL;
    if (argc != 2)
        return 2;
    int r = conf_load(argv[1], 0, &c, &e);
    if (r < 0)
        fprintf(stderr, "%s\n", e.text);
    else
        conf_dump(c, stdout);
    conf_free(c);
    redact_clear();
    return r < 0 ? 78 : 0;
}
