/* needs: app/standing app/sandbox/host app/sandbox/word app/sandbox/settings app/sandbox/shelf app/sandbox/wire source/origin flow/slot flow/pack flow/frame base/stop base/mem base/log base/redact base/mono base/url base/thread base/err base/utf8 */
/*
 * A session with a camera's process that was taken over, from the daemon's side: the process is
 * played by what is fed, messages one after another and writes to the shared memory, and at the
 * end it leaves in good order or without a word.
 *
 * Whatever it says: the session ends, with a reason and where it is a bad one a sentence; what it
 * tells the camera is within the bounds; the daemon answers only what an honest one would, and
 * nothing of the session is left: no frame, no descriptor.
 */
#include "app/overload.h"
#include "app/sandbox/host.h"
#include "app/sandbox/settings.h"
#include "app/sandbox/shelf.h"
#include "app/sandbox/spawn.h"
#include "app/sandbox/ways.h"
#include "app/sandbox/wire.h"
#include "app/session.h"
#include "app/standing.h"
#include "base/beat.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/stop.h"
#include "base/utf8.h"
#include "flow/frame.h"
#include "flow/settings.h"
#include "flow/slot.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/socket.h>

#define MESSAGES 40
#define KEPT     4 /* frames that the camera has not given back */

/* The process: what it will say, its end of the socket, its mapping of the memory. */
static struct input words;
static int own = -1;
static struct rack rack;

/* The camera. */
static struct frame *kept[KEPT];
static int n_kept;
static struct standing standing;
static uint64_t counted;

/* ------------------------------------------------------------- the process --- */

static void say(const struct wire_message *m, size_t n)
{
    ssize_t sent = send(own, m, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    HOLDS(sent == (ssize_t)n || errno == EAGAIN || errno == EPIPE);
}

static void picture(struct input *in, struct wire_picture *ret)
{
    ret->place = take_byte(in) % (WIRE_BUFFERS + 1);
    ret->how = take_byte(in) % 5;
    ret->packed.format = take_byte(in);
    ret->packed.width = take_byte(in) * 2;
    ret->packed.height = take_byte(in);
    ret->cols = ret->rows = take_byte(in) % 4;
    ret->block = take_byte(in);
}

/* One message, of its kind's own length or not. */
static void speak(struct input *in)
{
    static struct wire_message m;
    uint8_t how = take_byte(in);
    memset(&m, 0, sizeof(m));
    m.kind = how & 15;
    size_t n = take_byte(in) | (how & 0x20 ? (size_t)take_byte(in) << 8 : 0);
    n = n < sizeof(m) - sizeof(m.kind) ? n : sizeof(m) - sizeof(m.kind);
    if (m.kind == WIRE_PICTURE && how & 0x40) {
        picture(in, &m.picture);
        rack.base[(size_t)take_byte(in) << 8] = how;
        ((uint8_t *)rack.board)[how % sizeof(*rack.board)] = how;
    } else {
        take(in, (uint8_t *)&m + sizeof(m.kind), n < in->left ? n : in->left);
    }
    if (how & 0x80)
        say(&m, n + sizeof(m.kind));
    else
        (void)wire_send(own, &m, -1, false);
}

pid_t spawn_child(const char *camera, int socket, int shelf, struct err *e)
{
    (void)e;
    HOLDS(strcmp(camera, "door") == 0);
    own = fcntl(socket, F_DUPFD_CLOEXEC, 0);
    HOLDS(own >= 0 && rack_map(&rack, shelf) == 0);
    uint8_t leaves = take_byte(&words);
    for (int i = 0; i < MESSAGES && words.left > 0; i++)
        speak(&words);
    struct wire_message m = {
            .kind = WIRE_END, .end = {.fault = SOURCE_TIMEOUT, .text = "it is over"}};
    if (leaves & 1)
        (void)wire_send(own, &m, -1, false);
    /* It hears what it is told, and says nothing more. */
    (void)shutdown(own, SHUT_WR);
    return 1;
}

/* What the daemon told it. */
static void listen_to(void)
{
    static char document[4096];
    struct wire_message m;
    struct conf_camera c = {0};
    uint64_t enough;
    int fd, r;
    ssize_t n = recv(own, document, sizeof(document), MSG_DONTWAIT);
    HOLDS(n > 0 && settings_unpack(document, (size_t)n, &c, &enough) && enough == 7);
    free(c.url);
    free(c.url_shown);
    while ((r = wire_receive(own, false, &m, &fd)) == 0) {
        HOLDS(m.kind == WIRE_STOP || m.kind == WIRE_REACHED);
        HOLDS((fd >= 0) == (m.kind == WIRE_REACHED && m.reached.error == 0));
        if (fd >= 0)
            close(fd);
    }
    HOLDS(r == -EAGAIN || r == -EPIPE);
}

const char *spawn_reap(pid_t pid, char *buffer, size_t size)
{
    HOLDS(pid == 1 && own >= 0);
    listen_to();
    close(own);
    own = -1;
    HOLDS(munmap(rack.board, SHELF_SIZE) == 0);
    (void)snprintf(buffer, size, "was played");
    return buffer;
}

/* ------------------------------------------------------------- its ways into the network --- */

static bool within;

void ways_init(struct ways *w, const struct conf_camera *conf)
{
    w->conf = conf;
    within = true;
}

void ways_close(struct ways *w)
{
    HOLDS(within && w->conf);
    within = false;
}

int ways_connect(struct ways *w, const char *host, int port, const struct stop *stop)
{
    (void)stop;
    HOLDS(w->conf && strlen(host) < sizeof(((struct wire_reach *)NULL)->host));
    HOLDS(port > 0 && port <= 65535);
    return port & 1 ? -ECONNREFUSED : fcntl(own, F_DUPFD_CLOEXEC, 0);
}

int ways_datagrams(struct ways *w, int family)
{
    HOLDS(w->conf && (family == AF_INET || family == AF_INET6));
    return -EACCES;
}

void ways_send(struct ways *w, int from_port, int to_port, const void *data, size_t n)
{
    (void)data;
    HOLDS(w->conf && from_port > 0 && from_port <= 65535 && to_port >= 0 && to_port <= 65535);
    HOLDS(n <= WIRE_DATAGRAM);
}

bool ease_keys(const struct ease *e)
{
    return e != NULL;
}

/* ------------------------------------------------------------- the camera --- */

static void is_line(const char *text, size_t size)
{
    HOLDS(strlen(text) < size);
    for (const unsigned char *s = (const unsigned char *)text; *s; s += utf8_length(s))
        HOLDS(utf8_length(s) > 0 && !utf8_control(s));
}

static void on_opened(void *arg, const struct session_opened *opened)
{
    (void)arg;
    HOLDS(isfinite(opened->fps) && opened->fps >= 0 && opened->duration_us >= 0);
    standing_opened(&standing, opened);
}

static void on_online(void *arg, const char *format, bool unverified)
{
    (void)arg;
    (void)unverified;
    is_line(format, sizeof(((struct wire_online *)NULL)->format));
    (void)standing_online(&standing, format);
}

static void on_picture(void *arg, struct frame *f, enum session_give how)
{
    (void)arg;
    HOLDS(how >= GIVE_NEWEST && how <= GIVE_REFRESH);
    HOLDS(frame_width(f) > 0 && frame_height(f) > 0);
    HOLDS(frame_wall_us(f) <= mono_wall_us() + 3600 * MONO_SECOND);
    frame_unref(kept[n_kept % KEPT]);
    kept[n_kept++ % KEPT] = f;
}

static void on_stock(void *arg, const struct session_stock *stock)
{
    (void)arg;
    is_line(stock->decoder, sizeof(((struct wire_stock *)NULL)->decoder));
    if (stock->trouble)
        is_line(stock->trouble, WIRE_TEXT);
    struct camera_status known;
    (void)standing_stock(&standing, stock);
    standing_read(&standing, &known);
    HOLDS(known.counts.frames >= counted && known.counts.frames <= INT64_MAX);
    counted = known.counts.frames;
}

static int next_descriptor(int of)
{
    int fd = fcntl(of, F_DUPFD_CLOEXEC, 0);
    HOLDS(fd >= 0);
    close(fd);
    return fd;
}

static void nothing(void *arg)
{
    (void)arg;
}

static void hold_session(const struct session_order *order)
{
    const struct session_listener camera = {NULL, on_opened, on_online, on_picture, on_stock};
    struct err e = {0};
    standing_init(&standing, "none");
    standing_begin(&standing);
    counted = 0;
    enum source_fault fault = host_run(order, &camera, &e);
    HOLDS(fault >= SOURCE_OK && fault < SOURCE_FAULT_COUNT && own < 0 && !within);
    HOLDS(e.code <= 0);
    is_line(e.text, sizeof(e.text));
    standing_end(&standing);
    standing_destroy(&standing);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char url[] = "rtsp://192.0.2.7/s";
    struct conf_camera conf = {.name = "door", .url = url, .url_shown = url, .fps = 5};
    struct slot *slot = slot_new(nothing, NULL);
    struct beat beat = {0};
    struct session_order order = {.conf = &conf,
            .face = slot_face(slot),
            .slot = slot,
            .halt = stop_new(),
            .beat = &beat,
            .enough = 7};
    int64_t frames, bytes;
    log_open(LEVEL_NONE);
    int lowest = next_descriptor(stop_fd(order.halt));
    words = (struct input){data, size};
    if (take_byte(&words) & 1)
        stop_ask(order.halt);
    hold_session(&order);
    for (int i = 0; i < KEPT; i++) {
        frame_unref(kept[i]); /* they outlive their session */
        kept[i] = NULL;
    }
    n_kept = 0;
    frame_count(&frames, &bytes);
    HOLDS(frames == 0 && bytes == 0 && next_descriptor(stop_fd(order.halt)) == lowest);
    stop_free(order.halt);
    slot_free(slot);
    return 0;
}
