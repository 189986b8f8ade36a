#include "conf/area.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUOTED 40 /* so much of a wrong value is shown */

/* One number and what follows it up to the next. */
static int take_number(const char **at, float *ret, struct err *e)
{
    const char *p = *at + strspn(*at, " ");
    size_t n = strcspn(p, ",");
    while (n > 0 && p[n - 1] == ' ')
        n--;
    char *end;
    double v = strtod(p, &end);
    if (n == 0 || strspn(p, "0123456789.eE+-") < n || end != p + n)
        return err_set(
                e, -EINVAL, "'%.*s' is not a number, 0 to 1", n < QUOTED ? (int)n : QUOTED, p);
    if (!(v >= 0 && v <= 1))
        return err_set(e, -EINVAL,
                "%.*s is out of range, 0 to 1: corners are relative to the picture",
                n < QUOTED ? (int)n : QUOTED, p);
    *ret = (float)v + 0.0f; /* -0 becomes 0 */
    p += n + strspn(p + n, " ");
    *at = *p == ',' ? p + 1 : NULL;
    return 0;
}

int area_add(const char *text, struct polygons *p, struct err *e)
{
    if (p->n >= POLYGONS_MAX)
        return err_set(e, -EINVAL, "more polygons than the %d that are allowed", POLYGONS_MAX);
    struct polygon *to = &p->list[p->n];
    int numbers = 0;
    for (const char *at = text; at; numbers++) {
        float v = 0;
        if (take_number(&at, &v, e) < 0)
            return -EINVAL;
        struct point *corner = &to->point[numbers / 2 % POLYGON_POINTS];
        *(numbers % 2 ? &corner->y : &corner->x) = v;
    }
    to->n = numbers / 2;
    if (numbers % 2 || to->n < 3 || to->n > POLYGON_POINTS)
        return err_set(e, -EINVAL,
                "%d numbers do not make a polygon: x and y of each corner, 3 to %d corners",
                numbers, POLYGON_POINTS);
    if (polygon_flat(to))
        return err_set(e, -EINVAL, "its corners lie on one line: there is nothing within");
    p->n++;
    return 0;
}

/* The shortest decimal that is read as the same float. */
static void print_number(float v, FILE *to)
{
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, (double)v);
        if (strtof(text, NULL) == v)
            break;
    }
    fputs(text, to);
}

void area_print(const struct polygons *p, FILE *to)
{
    fputs("( ", to);
    for (int i = 0; i < p->n; i++) {
        fputs(i ? ", \"" : "\"", to);
        for (int k = 0; k < p->list[i].n; k++) {
            fputs(k ? ", " : "", to);
            print_number(p->list[i].point[k].x, to);
            fputc(',', to);
            print_number(p->list[i].point[k].y, to);
        }
        fputc('"', to);
    }
    fputs(" )", to);
}
