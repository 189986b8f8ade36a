/* needs: sample/scene */
#include "sample/scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W       640
#define H       360
#define SECOND  INT64_C(1000000)
#define PICTURE (SECOND / 5)

static struct scene scene;
static uint8_t pixels[W * H];
static struct luma luma = {.data = pixels, .stride = W, .step = 1, .width = W, .height = H};
static unsigned seed;
static bool lonely;

static int draw(int n)
{
    seed = seed * 1103515245u + 12345u;
    return (int)((seed >> 16) % (unsigned)n);
}

/* A room of stripes with a sensor's noise, so bright. */
static void room(int light, int noise)
{
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            int v = light + (x / 40 % 2) * 30 + (noise ? draw(2 * noise + 1) - noise : 0);
            pixels[y * W + x] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
        }
    }
}

static void box(int x, int y, int w, int h, int level)
{
    for (int r = y; r < y + h; r++)
        memset(&pixels[r * W + x], level, (size_t)w);
}

static struct scene_change look(int64_t time_us)
{
    struct scene_change c;
    memset(&c, 0xaa, sizeof(c));
    scene_look(&scene, &luma, time_us, lonely, &c);
    return c;
}

static int64_t settle(int pictures, int noise)
{
    scene_init(&scene);
    seed = 7;
    int64_t now = 0;
    for (int i = 0; i < pictures; i++, now += PICTURE) {
        room(100, noise);
        struct scene_change c = look(now);
        assert_int_equal(c.still, i > 0);
        assert_true(c.still_us == 0); /* since the first */
    }
    return now;
}

static void noise_is_nothing_new(void **state)
{
    (void)state;
    for (int noise = 0; noise <= 12; noise += 4)
        settle(100, noise);
    scene_init(&scene);
    int news = 0;
    for (int i = 0; i < 200; i++) { /* a camera in the dark: it takes a while */
        room(100, 24);
        news += !look(i * PICTURE).still && i > 60;
    }
    assert_in_range(news, 0, 5);
}

static void a_small_head_that_moves_is(void **state)
{
    (void)state;
    int64_t now = settle(50, 6);
    room(100, 6);
    box(300, 100, 16, 20, 170);
    struct scene_change c = look(now);
    assert_false(c.still || c.all);
    assert_true(c.still_us == now && c.cells >= 2);
    assert_true(c.x <= 300.0f / W && c.x + c.w >= 316.0f / W && c.w < 0.06f);
    assert_true(c.y <= 100.0f / H && c.y + c.h >= 120.0f / H && c.h < 0.12f);
    int64_t came = now;
    for (int i = 0; i < 10; i++) { /* and stands */
        now += PICTURE;
        room(100, 6);
        box(300, 100, 16, 20, 170);
        c = look(now);
        assert_true(c.still && c.still_us == came);
    }
    now += PICTURE;
    room(100, 6); /* and is gone */
    c = look(now);
    assert_true(!c.still && c.still_us == now);
}

/* However slowly somebody moves, he is noticed when he has come some way. */
static void who_creeps_is_noticed(void **state)
{
    (void)state;
    int64_t now = settle(50, 4);
    int times = 0;
    for (int x = 0; x < 60; x++, now += PICTURE) {
        room(100, 4);
        box(200 + x, 80, 40, 50, 180);
        times += !look(now).still;
    }
    assert_in_range(times, 5, 60);
}

static void slow_light_is_nothing_new(void **state)
{
    (void)state;
    int64_t now = settle(50, 4);
    for (int i = 0; i < 300; i++, now += PICTURE) { /* a minute, by sixty levels */
        room(100 + i / 5, 4);
        assert_true(look(now).still);
    }
    room(168, 4); /* a step of the exposure */
    assert_true(look(now).still);
}

static void the_light_is_switched_once(void **state)
{
    (void)state;
    int64_t now = settle(50, 4);
    for (int i = 0; i < 20; i++, now += PICTURE) {
        room(40, 4);
        struct scene_change c = look(now);
        assert_int_equal(c.still, i > 0);
        assert_true(i > 0 || (c.all && c.cells > 0));
    }
}

/* A screen that flickers is learned, and does not hide who stands before it. */
static void what_always_flickers_becomes_normal(void **state)
{
    (void)state;
    int64_t now = settle(20, 2);
    int news = 0;
    for (int i = 0; i < 200; i++, now += PICTURE) {
        room(100, 2);
        box(100, 100, 60, 60, 120 + (i % 2) * 5);
        bool still = look(now).still;
        news += i > 100 && !still;
    }
    assert_int_equal(news, 0);
    room(100, 2);
    box(100, 100, 60, 60, 160);
    assert_false(look(now).still);
}

/* The time in a corner, each second another. */
static void clock_at(int second)
{
    for (int digit = 0; digit < 3; digit++) {
        int value = digit == 0 ? second % 10 : digit == 1 ? second / 10 % 6 : second / 60;
        box(600 - 12 * digit, 10, 10, 16, 20);
        box(602 - 12 * digit, 12, 6, 1 + value, 240);
    }
}

static void a_clock_is_nothing_new(void **state)
{
    (void)state;
    int64_t now = settle(50, 2);
    int news = 0;
    lonely = true;
    for (int i = 0; i < 5 * 240; i++, now += PICTURE) {
        room(100, 2);
        clock_at(i / 5);
        news += !look(now).still && i > 5 * 120;
    }
    lonely = false;
    assert_int_equal(news, 0);
    room(100, 2);
    clock_at(240);
    box(300, 100, 16, 20, 170);
    assert_false(look(now).still);
}

/* What goes by all the time elsewhere stays something new, and so does who is there. */
static void a_road_is_no_clock(void **state)
{
    (void)state;
    for (int known = 0; known <= 1; known++) {
        int64_t now = settle(50, 2);
        int news = 0;
        lonely = !known;
        for (int i = 0; i < 5 * 120; i++, now += PICTURE) {
            room(100, 2);
            if (known)
                box(300 + i % 2 * 20, 100, 20, 20, 170);
            else
                box(i * 30 % 600, 200, 40, 60, 170);
            news += !look(now).still;
        }
        lonely = false;
        assert_int_equal(news, 5 * 120);
    }
}

/* It begins with what is normal there, and what it has itself seen to flicker may go on. */
static void one_begins_where_another_is(void **state)
{
    (void)state;
    static struct scene other;
    struct scene_change c;
    int64_t now = settle(100, 2);
    scene_init(&other);
    scene_follow(&other, &scene);
    room(100, 2);
    scene_look(&other, &luma, now, true, &c);
    assert_true(c.still && c.still_us == 0);
    for (int i = 0; i < 100; i++, now += PICTURE) {
        room(100, 24);
        scene_look(&other, &luma, now, true, &c);
    }
    static struct scene fresh;
    int news = 0, more = 0;
    scene_init(&fresh);
    scene_follow(&fresh, &scene);
    scene_follow(&other, &scene);
    for (int i = 0; i < 20; i++, now += PICTURE) {
        room(100, 24);
        scene_look(&other, &luma, now, true, &c);
        news += !c.still;
        scene_look(&fresh, &luma, now, true, &c);
        more += !c.still;
    }
    assert_true(news <= 3 && more > 10);
    box(100, 100, 60, 60, 160);
    scene_look(&other, &luma, now, true, &c);
    assert_false(c.still);
    scene_init(&scene); /* of which nothing is known */
    scene_follow(&other, &scene);
    scene_look(&other, &luma, now, true, &c);
    assert_false(c.still);
}

static void any_kind_of_picture(void **state)
{
    (void)state;
    static uint8_t wide[W * H * 2];
    struct scene_change c;
    room(100, 0);
    for (int i = 0; i < W * H; i++) { /* ten bits in the upper part of two bytes */
        unsigned v = (unsigned)pixels[i] << 8 | 0xc0;
        wide[2 * i] = (uint8_t)v;
        wide[2 * i + 1] = (uint8_t)(v >> 8);
    }
    const struct luma ten = {wide, 2 * W, 2, W, H, true, 8};
    const struct luma packed = {wide + 1, 2 * W, 2, W, H, false, 0};
    scene_init(&scene);
    scene_look(&scene, &luma, 0, false, &c);
    scene_look(&scene, &ten, 1, false, &c);
    assert_true(c.still && c.still_us == 0);
    scene_look(&scene, &packed, 2, false, &c);
    assert_true(c.still && c.still_us == 0);

    scene_look(&scene, NULL, 3, false, &c); /* one without brightness is always new */
    assert_true(!c.still && c.still_us == 3);
    scene_look(&scene, &luma, 4, false, &c);
    assert_true(!c.still && c.still_us == 4);
    const int sizes[][2] = {{1, 1}, {7, 3}, {129, 2}, {2, 129}, {127, 64}, {W, H}, {3, H}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct luma part = luma;
        part.width = sizes[i][0];
        part.height = sizes[i][1];
        scene_look(&scene, &part, 5, false, &c);
        assert_true(!c.still && c.all); /* another size is another scene */
        scene_look(&scene, &part, 6, false, &c);
        assert_true(c.still && c.cells == 0);
        assert_in_range(scene.cols, 1, SCENE_SIDE);
        assert_in_range(scene.rows, 1, SCENE_SIDE);
    }
    scene_look(&scene, &luma, 5, false, &c);
    scene_look(&scene, &luma, 2, false, &c); /* the clock stepped back */
    assert_true(c.still);
}

/* When each place changed last; what was missed of the pictures in between is in it too. */
static void the_map_says_where_and_when(void **state)
{
    (void)state;
    const int side = W / CHANGE_SIDE;
    int64_t now = settle(20, 2);
    assert_int_equal(scene.map.block, side);
    assert_int_equal(scene.map.cols, CHANGE_SIDE);
    assert_int_equal(scene.map.rows, H / side);
    for (int i = 0; i < scene.map.cols * scene.map.rows; i++)
        assert_true(scene.map.at_us[i] == 0);
    int64_t came_us[] = {now, now + PICTURE};
    for (int i = 0; i < 3; i++, now += PICTURE) { /* one comes, then a second one, then nothing */
        room(100, 2);
        box(100, 100, 40, 40, 250);
        if (i > 0)
            box(400, 200, 60, 60, 5);
        look(now);
    }
    for (int r = 0; r < scene.map.rows; r++) {
        for (int c = 0; c < scene.map.cols; c++) {
            bool first = c >= 5 && c < 7 && r >= 5 && r < 7;
            bool second = c >= 20 && c < 23 && r >= 10 && r < 13;
            assert_true(scene.map.at_us[r * scene.map.cols + c] == (first           ? came_us[0]
                                                                           : second ? came_us[1]
                                                                                    : 0));
        }
    }
    scene_look(&scene, NULL, now, false, &(struct scene_change){.still = false});
    assert_int_equal(scene.map.cols, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(noise_is_nothing_new),
            cmocka_unit_test(a_small_head_that_moves_is),
            cmocka_unit_test(who_creeps_is_noticed),
            cmocka_unit_test(slow_light_is_nothing_new),
            cmocka_unit_test(the_light_is_switched_once),
            cmocka_unit_test(what_always_flickers_becomes_normal),
            cmocka_unit_test(a_clock_is_nothing_new),
            cmocka_unit_test(a_road_is_no_clock),
            cmocka_unit_test(the_map_says_where_and_when),
            cmocka_unit_test(one_begins_where_another_is),
            cmocka_unit_test(any_kind_of_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
