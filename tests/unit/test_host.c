/* needs: app/sandbox/host app/sandbox/word app/sandbox/settings app/sandbox/shelf app/sandbox/wire source/origin flow/slot flow/pack flow/frame base/stop base/mem base/log base/redact base/url base/thread base/err base/utf8 */
/* The process is played by a thread of this program, its ways by nobody; the clock stands still. */
#include "app/sandbox/host.h"

#include "app/overload.h"
#include "app/sandbox/settings.h"
#include "app/sandbox/shelf.h"
#include "app/sandbox/spawn.h"
#include "app/sandbox/ways.h"
#include "app/session.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stop.h"
#include "flow/frame.h"
#include "flow/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW (5 * MONO_SECOND)

/* ------------------------------------------------------------- the process --- */

static struct process {
    void (*plays)(void);
    pthread_t thread;
    int socket; /* its own */
    struct rack rack;
} process;

static struct stop *halt;
static struct slot *slot;
static int pictures;

static void *play(void *arg)
{
    (void)arg;
    char settings[4096];
    if (recv(process.socket, settings, sizeof(settings), 0) > 0)
        process.plays();
    return NULL;
}

pid_t spawn_child(const char *camera, int socket, int shelf, struct err *e)
{
    (void)e;
    assert_string_equal(camera, "door");
    process.socket = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(rack_map(&process.rack, shelf), 0);
    assert_int_equal(pthread_create(&process.thread, NULL, play, NULL), 0);
    return 1;
}

const char *spawn_reap(pid_t pid, char *buffer, size_t size)
{
    assert_int_equal(pid, 1);
    (void)buffer;
    (void)size;
    shutdown(process.socket, SHUT_RDWR);
    pthread_join(process.thread, NULL);
    close(process.socket);
    munmap(process.rack.board, SHELF_SIZE);
    return NULL;
}

static bool say(enum wire_kind kind)
{
    struct wire_message m = {.kind = kind};
    return wire_send(process.socket, &m, -1, true) == 0;
}

static enum source_fault says_fault; /* at its end */

static void end_well(void)
{
    struct wire_message m = {.kind = WIRE_END, .end = {.fault = says_fault, .text = "it is over"}};
    (void)wire_send(process.socket, &m, -1, true);
}

static void leave(void)
{
    shutdown(process.socket, SHUT_RDWR);
}

static void take_over(void)
{
    (void)say(WIRE_STOP);
}

static void talk(void)
{
    while (say(WIRE_BEAT)) {
    }
}

/* As a camera would: until the daemon says that it is enough. */
static void wait_for_the_stop(void)
{
    struct wire_message m;
    int fd;
    (void)say(WIRE_READY);
    says_fault = SOURCE_STOPPED;
    if (wire_receive(process.socket, true, &m, &fd) == 0 && m.kind == WIRE_STOP)
        end_well();
}

static int64_t date; /* of the pictures */

/* Three pictures, each when the one before was taken. */
static void send_pictures(void)
{
    AVFrame *p = av_frame_alloc();
    p->format = AV_PIX_FMT_GRAY8;
    p->width = p->height = 64;
    (void)av_frame_get_buffer(p, 0);
    struct frame *f = frame_new(p, 1, date);
    av_frame_free(&p);
    for (int i = 0; i < 3; i++) {
        struct wire_message m = {.kind = WIRE_PICTURE, .picture.how = GIVE_EACH};
        int place = rack_place(&process.rack, 60000);
        if (place < 0 || !rack_put(&process.rack, place, f, &m.picture))
            break;
        (void)wire_send(process.socket, &m, -1, true);
    }
    frame_unref(f);
    end_well();
}

void ways_init(struct ways *w, const struct conf_camera *conf)
{
    w->conf = conf;
}

void ways_close(struct ways *w)
{
    w->conf = NULL;
}

int ways_connect(struct ways *w, const char *host, int port, const struct stop *stop)
{
    (void)w, (void)host, (void)port, (void)stop;
    return -EACCES;
}

int ways_datagrams(struct ways *w, int family)
{
    (void)w, (void)family;
    return -EACCES;
}

void ways_send(struct ways *w, int from_port, int to_port, const void *data, size_t n)
{
    (void)w, (void)from_port, (void)to_port, (void)data, (void)n;
}

static int64_t now_us;

int64_t mono_us(void)
{
    return now_us;
}

int64_t mono_wall_us(void)
{
    return NOW;
}

bool ease_keys(const struct ease *e)
{
    return e && atomic_load(&e->keys);
}

/* ------------------------------------------------------------- the camera --- */

static void nothing(void *arg)
{
    (void)arg;
}

static void on_opened(void *arg, const struct session_opened *opened)
{
    (void)arg, (void)opened;
}

static void on_online(void *arg, const char *format, bool unverified)
{
    (void)arg, (void)format, (void)unverified;
}

static int64_t picture_us, oldest_beat_us; /* how long one takes; how old the beat ever was */
static struct beat beat;
static uint64_t enough;
static bool waits;

/* What the process sees of the slot is so at once. */
static void on_picture(void *arg, struct frame *f, enum session_give how)
{
    (void)arg;
    waits = how == GIVE_EACH;
    now_us += picture_us;
    int64_t age_us = now_us - atomic_load(&beat.mono_us);
    oldest_beat_us = age_us > oldest_beat_us ? age_us : oldest_beat_us;
    const struct slot_face *seen = &process.rack.board->face;
    int mark;
    slot_put(slot, f);
    assert_true(atomic_load(&seen->full));
    slot_need(slot, pictures % 2 == 0);
    assert_int_equal(atomic_load(&seen->needed), pictures % 2 == 0);
    assert_int_equal(slot_take(slot, &f, &mark), SLOT_FRAME);
    assert_false(atomic_load(&seen->full));
    frame_unref(f);
    pictures++;
}

static int changes; /* of trouble */

static void on_stock(void *arg, const struct session_stock *stock)
{
    (void)arg;
    changes += (stock->trouble != NULL) != (changes % 2 == 1);
}

/* A session with who plays that; what it ended with, its sentence in e. */
static enum source_fault hold_at(char *url, enum pace pace, void (*plays)(void), struct err *e)
{
    struct conf_camera conf = {
            .name = "door", .url = url, .url_shown = url, .fps = 5, .pace = pace};
    struct ease ease = {.share = 400, .keys = true};
    struct session_order order = {.conf = &conf,
            .face = slot_face(slot),
            .slot = slot,
            .ease = &ease,
            .halt = halt,
            .beat = &beat,
            .enough = enough};
    const struct session_listener camera = {NULL, on_opened, on_online, on_picture, on_stock};
    process.plays = plays;
    return host_run(&order, &camera, e);
}

static enum source_fault hold(void (*plays)(void), struct err *e)
{
    static char url[] = "rtsp://192.0.2.7/s";
    return hold_at(url, PACE_REAL, plays, e);
}

static int begin(void **state)
{
    (void)state;
    halt = stop_new();
    slot = slot_new(nothing, NULL);
    pictures = 0;
    date = now_us = NOW;
    says_fault = SOURCE_TIMEOUT;
    picture_us = oldest_beat_us = 0;
    enough = 0;
    changes = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    slot_free(slot);
    stop_free(halt);
    return 0;
}

/* ------------------------------------------------------------- tests --- */

static void a_session_ends_as_its_process_says(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(end_well, &e), SOURCE_TIMEOUT);
    assert_string_equal(e.text, "it is over");
}

static char live[] = "rtsp://192.0.2.7/s", film[] = "http://192.0.2.7/film.mp4",
            file[] = "/videos/of-2031.mkv";

/* An end without a fault has no back-off, and one that is believed for ever no other connection. */
static void an_end_is_believed_where_one_may_be(void **state)
{
    (void)state;
    const struct {
        char *url;
        enum source_fault fault;
        uint64_t enough;
        bool believed;
    } ends[] = {{live, SOURCE_EOF, 0, false}, {live, SOURCE_OK, 0, false},
            {live, SOURCE_STOPPED, 0, false}, {live, SOURCE_OK, 7, true},
            {live, SOURCE_BROKEN, 0, true}, {film, SOURCE_EOF, 0, true},
            {file, SOURCE_EOF, 0, true}, {file, SOURCE_STOPPED, 0, false}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        struct err e = {0};
        enough = ends[i].enough;
        says_fault = ends[i].fault;
        int r = (int)hold_at(ends[i].url, PACE_REAL, end_well, &e);
        assert_int_equal(r, ends[i].believed ? ends[i].fault : SOURCE_BROKEN);
        assert_int_equal(!strstr(e.text, "no honest one"), ends[i].believed);
    }
}

static void open_with_an_end(void)
{
    struct wire_message m = {.kind = WIRE_OPENED};
    (void)wire_send(process.socket, &m, -1, true);
    end_well();
}

static void come_online_twice(void)
{
    struct wire_message m = {.kind = WIRE_ONLINE, .online.format = "h264 640x360"};
    (void)wire_send(process.socket, &m, -1, true);
    (void)wire_send(process.socket, &m, -1, true);
    end_well();
}

static void no_live_stream_has_an_end_and_none_begins_twice(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(open_with_an_end, &e), SOURCE_BROKEN);
    assert_int_equal(hold_at(file, PACE_REAL, open_with_an_end, &e), SOURCE_TIMEOUT);
    assert_int_equal(hold(come_online_twice, &e), SOURCE_BROKEN);
}

/* The watchdog looks at the camera's beat, and a picture may wait for a worker. */
static void many_pictures_are_many_beats(void **state)
{
    (void)state;
    struct err e = {0};
    picture_us = 3 * MONO_SECOND;
    assert_int_equal(hold_at(file, PACE_MAX, send_pictures, &e), SOURCE_TIMEOUT);
    assert_int_equal(pictures, 3);
    assert_true(waits);
    assert_true(oldest_beat_us <= picture_us);
    assert_int_equal(hold_at(live, PACE_MAX, send_pictures, &e), SOURCE_TIMEOUT);
    assert_false(waits);
}

static void who_leaves_without_a_word_has_lost_the_connection(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(leave, &e), SOURCE_BROKEN);
    assert_non_null(strstr(e.text, "left without a word"));
}

static void who_says_what_is_ours_is_ended(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(take_over, &e), SOURCE_BROKEN);
    assert_non_null(strstr(e.text, "says what is ours to say"));
}

static void who_only_talks_is_ended(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(talk, &e), SOURCE_BROKEN);
    assert_non_null(strstr(e.text, "does nothing but talk"));
}

static void a_stop_is_told(void **state)
{
    (void)state;
    struct err e = {0};
    stop_ask(halt);
    assert_int_equal(hold(wait_for_the_stop, &e), SOURCE_STOPPED);
    assert_string_equal(e.text, "it is over");
}

static void the_process_sees_the_slot_while_it_runs(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(hold(send_pictures, &e), SOURCE_TIMEOUT);
    assert_int_equal(pictures, 3);
    slot_need(slot, true); /* nobody else looks any more */
    int64_t frames, bytes;
    frame_count(&frames, &bytes);
    assert_int_equal(frames, 0);
}

/* A record that begins in the year 9999 would never be too old. */
static void no_camera_dates_its_pictures_ahead(void **state)
{
    (void)state;
    const struct {
        char *url;
        enum pace pace;
        bool any;
    } cameras[] = {{live, PACE_REAL, false}, {live, PACE_MAX, false}, {film, PACE_REAL, false},
            {film, PACE_MAX, true}, {file, PACE_REAL, true}, {file, PACE_MAX, true}};
    date = NOW + 7200 * MONO_SECOND;
    for (size_t i = 0; i < sizeof(cameras) / sizeof(cameras[0]); i++) {
        struct err e = {0};
        pictures = 0;
        int r = (int)hold_at(cameras[i].url, cameras[i].pace, send_pictures, &e);
        assert_int_equal(r, cameras[i].any ? SOURCE_TIMEOUT : SOURCE_BROKEN);
        assert_int_equal(pictures, cameras[i].any ? 3 : 0);
        assert_int_equal(!strstr(e.text, "sent a picture that cannot be"), cameras[i].any);
    }
}

/* A clock that was not set when the camera connected. */
static void an_old_date_is_one(void **state)
{
    (void)state;
    struct err e = {0};
    date = 0;
    assert_int_equal(hold(send_pictures, &e), SOURCE_TIMEOUT);
    assert_int_equal(pictures, 3);
}

static void be_in_and_out_of_trouble(void)
{
    struct wire_message m = {.kind = WIRE_STOCK};
    for (int i = 0; i < 250; i++) {
        m.stock.troubled = i % 2 == 0;
        (void)wire_send(process.socket, &m, -1, true);
    }
    end_well();
}

static void chatter(void)
{
    struct wire_message m = {.kind = WIRE_LOG, .log = {LEVEL_ERROR, "camera", "it is\x1b[2J over"}};
    for (int i = 0; i < 250; i++)
        (void)wire_send(process.socket, &m, -1, true);
    end_well();
}

static void count_line(void *arg, enum log_level level, const char *topic, const char *line)
{
    int *lines = arg;
    assert_string_equal(topic, "camera");
    assert_true(level == LEVEL_WARN ? strstr(line, "more than 100 lines") != NULL
                                    : strcmp(line, "it is?[2J over") == 0);
    lines[level == LEVEL_WARN]++;
}

static void a_process_that_talks_fills_no_log(void **state)
{
    (void)state;
    struct err e = {0};
    int lines[2] = {0};
    log_divert(count_line, lines);
    assert_int_equal(hold(chatter, &e), SOURCE_TIMEOUT);
    log_divert(NULL, NULL);
    assert_int_equal(lines[0], 100);
    log_divert(count_line, lines);
    assert_int_equal(hold(be_in_and_out_of_trouble, &e), SOURCE_TIMEOUT);
    log_divert(NULL, NULL);
    assert_int_equal(changes, 100);
    assert_int_equal(lines[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_session_ends_as_its_process_says, begin, end),
            cmocka_unit_test_setup_teardown(an_end_is_believed_where_one_may_be, begin, end),
            cmocka_unit_test_setup_teardown(
                    no_live_stream_has_an_end_and_none_begins_twice, begin, end),
            cmocka_unit_test_setup_teardown(many_pictures_are_many_beats, begin, end),
            cmocka_unit_test_setup_teardown(
                    who_leaves_without_a_word_has_lost_the_connection, begin, end),
            cmocka_unit_test_setup_teardown(who_says_what_is_ours_is_ended, begin, end),
            cmocka_unit_test_setup_teardown(who_only_talks_is_ended, begin, end),
            cmocka_unit_test_setup_teardown(a_stop_is_told, begin, end),
            cmocka_unit_test_setup_teardown(the_process_sees_the_slot_while_it_runs, begin, end),
            cmocka_unit_test_setup_teardown(no_camera_dates_its_pictures_ahead, begin, end),
            cmocka_unit_test_setup_teardown(an_old_date_is_one, begin, end),
            cmocka_unit_test_setup_teardown(a_process_that_talks_fills_no_log, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
