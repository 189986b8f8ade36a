/* needs: app/web/live picture/annotate picture/canvas picture/caption picture/encode picture/layout flow/age flow/box flow/event flow/face flow/frame flow/scale base/err base/mem base/mono base/when */
#include "app/web/live.h"

#include "flow/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W 320
#define H 180

/* One who looks at a camera that has seen a face. */
struct room {
    struct live *live;
    struct view_links links;
};

static void see(struct room *r)
{
    uint8_t *bgr = malloc((size_t)W * H * 3);
    unsigned seed = 1;
    for (int i = 0; i < W * H * 3; i++)
        bgr[i] = (uint8_t)(rand_r(&seed) >> 8);
    struct frame *f = frame_from_bgr(bgr, W, H);
    free(bgr);
    assert_non_null(f);
    struct portrait face = {.box = {100, 40, 60, 80}};
    r->links.seen(r->links.arg, "door", f, &face, 1);
    frame_unref(f);
}

static struct jpeg *look(struct room *r, bool hide, const char *etag, char ret_etag[LIVE_ETAG])
{
    bool same;
    struct jpeg *j = live_picture(r->live, "door", W, hide, etag, ret_etag, &same);
    assert_true(same == (etag && strcmp(etag, ret_etag) == 0));
    assert_true(same ? !j : j != NULL);
    return j;
}

static struct room begin(void)
{
    struct live *live = live_new();
    struct room r = {live, live_links(live)};
    char etag[LIVE_ETAG];
    bool same;
    assert_false(r.links.wanted(r.links.arg, "door"));
    assert_null(live_picture(live, "door", W, false, NULL, etag, &same)); /* none yet */
    assert_false(same);
    assert_true(r.links.wanted(r.links.arg, "door"));
    assert_false(r.links.wanted(r.links.arg, "hall"));
    see(&r);
    return r;
}

static bool alike(const struct jpeg *a, const struct jpeg *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static void the_same_picture_is_drawn_once(void **state)
{
    (void)state;
    struct room r = begin();
    char etag[LIVE_ETAG], again[LIVE_ETAG];
    struct jpeg *one = look(&r, false, NULL, etag), *two = look(&r, false, NULL, again);
    assert_string_equal(etag, again);
    assert_true(alike(one, two));
    assert_null(look(&r, false, etag, again));
    see(&r);
    free(two);
    two = look(&r, false, etag, again);
    assert_string_not_equal(etag, again);
    live_forget(r.live, "door");
    bool same;
    assert_null(live_picture(r.live, "door", W, false, again, etag, &same));
    assert_false(same);
    free(one);
    free(two);
    live_free(r.live);
}

/* A reload to http.blur finds the pictures of before: none of them leaves any more, whether it is
 * kept here or with the browser. */
static void a_picture_that_shows_faces_is_not_the_blurred_one(void **state)
{
    (void)state;
    struct room r = begin();
    char plain[LIVE_ETAG], hidden[LIVE_ETAG], etag[LIVE_ETAG];
    struct jpeg *before = look(&r, false, NULL, plain);
    struct jpeg *fresh = look(&r, true, NULL, hidden), *known = look(&r, true, plain, etag);
    assert_string_not_equal(plain, hidden);
    assert_string_equal(hidden, etag);
    assert_true(alike(fresh, known));
    assert_false(alike(before, fresh));
    assert_null(look(&r, true, hidden, etag));
    struct jpeg *after = look(&r, false, hidden, etag); /* and back */
    assert_true(alike(before, after));
    free(before);
    free(fresh);
    free(known);
    free(after);
    live_free(r.live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_same_picture_is_drawn_once),
            cmocka_unit_test(a_picture_that_shows_faces_is_not_the_blurred_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
