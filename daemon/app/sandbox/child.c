#include "app/sandbox/child.h"

#include "app/sandbox/ear.h"
#include "app/sandbox/settings.h"
#include "app/sandbox/shelf.h"
#include "app/sandbox/wire.h"
#include "app/session.h"
#include "base/beat.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "flow/frame.h"
#include "source/local.h"
#include "source/origin.h"
#include "source/outlet.h"
#include "source/source.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEMORY    ((size_t)1536 << 20) /* a decoder of 8K video keeps twenty pictures, and ours */
#define STOCK_US  MONO_SECOND
#define PLACE_MS  100 /* a camera waits so long for a place, and goes on without it */
#define OOM_SCORE "500"

struct child {
    struct conf_camera conf;
    struct ear *ear;
    struct stop *halt;
    struct rack rack;
    struct beat beat;
    uint64_t crowded; /* pictures for which there was no place */
    int64_t told_us;  /* when the daemon last got the counts */
    struct session_stock stock;
};

/* ------------------------------------------------------------- telling the daemon --- */

static void tell(const struct wire_message *m)
{
    if (wire_send(CHILD_SOCKET, m, -1, true) < 0)
        _exit(EXIT_SUCCESS); /* it is gone */
}

static void on_line(void *arg, enum log_level level, const char *topic, const char *line)
{
    (void)arg;
    struct wire_message m = {.kind = WIRE_LOG, .log.level = level};
    (void)snprintf(m.log.topic, sizeof(m.log.topic), "%s", topic);
    (void)snprintf(m.log.text, sizeof(m.log.text), "%s", line);
    tell(&m);
}

static void on_opened(void *arg, const struct session_opened *opened)
{
    (void)arg;
    struct wire_message m = {.kind = WIRE_OPENED, .opened = *opened};
    tell(&m);
}

static void on_online(void *arg, const char *format, bool unverified)
{
    (void)arg;
    struct wire_message m = {.kind = WIRE_ONLINE, .online.unverified = unverified};
    (void)snprintf(m.online.format, sizeof(m.online.format), "%s", format);
    tell(&m);
}

static void on_picture(void *arg, struct frame *f, enum session_give how)
{
    struct child *c = arg;
    struct wire_message m = {.kind = WIRE_PICTURE, .picture.how = how};
    int place;
    do {
        place = rack_place(&c->rack, PLACE_MS);
    } while (place < 0 && how == GIVE_EACH && !stop_asked(c->halt));
    if (place >= 0 && rack_put(&c->rack, place, f, &m.picture))
        tell(&m);
    else
        c->crowded++;
    frame_unref(f);
}

static void tell_stock(struct child *c)
{
    const struct session_stock *s = &c->stock;
    struct wire_message m = {.kind = WIRE_STOCK};
    m.stock.counts = s->counts;
    m.stock.counts.dropped += c->crowded;
    m.stock.decoded = s->decoded;
    m.stock.troubled = s->trouble;
    (void)snprintf(m.stock.decoder, sizeof(m.stock.decoder), "%s", s->decoder);
    (void)snprintf(m.stock.trouble, sizeof(m.stock.trouble), "%s", s->trouble ? s->trouble : "");
    tell(&m);
    c->told_us = mono_us();
}

/* After each packet: what changes with each is told once a second. */
static void on_stock(void *arg, const struct session_stock *stock)
{
    struct child *c = arg;
    bool news = stock->counts.asleep != c->stock.counts.asleep ||
                stock->decoded != c->stock.decoded || !stock->trouble != !c->stock.trouble;
    c->stock = *stock;
    if (news || mono_us() - c->told_us > STOCK_US)
        tell_stock(c);
}

static int ask_for_connection(void *arg, const char *host, int port)
{
    struct child *c = arg;
    struct wire_message m = {.kind = WIRE_REACH, .reach.port = port};
    (void)snprintf(m.reach.host, sizeof(m.reach.host), "%s", host);
    tell(&m);
    return ear_reached(c->ear);
}

static int ask_for_datagrams(void *arg, int family)
{
    struct child *c = arg;
    struct wire_message m = {.kind = WIRE_UDP, .udp.family = family};
    tell(&m);
    return ear_reached(c->ear);
}

static ssize_t ask_to_send(void *arg, int from, int to, const void *data, size_t n)
{
    (void)arg;
    struct wire_message m = {.kind = WIRE_SEND};
    if (n > sizeof(m.send.data))
        return -EMSGSIZE;
    m.send.from = from;
    m.send.to = to;
    m.send.n = (uint32_t)n;
    memcpy(m.send.data, data, n);
    tell(&m);
    return (ssize_t)n;
}

/* ------------------------------------------------------------- giving up rights --- */

/* What a graphics card's driver opens by itself when the decoder is opened; of the devices those
 * that the user may. Not more of /etc, /usr and /dev: our own configuration and its secrets are
 * there too, and what others of our user have in shared memory. */
static const struct confine_path driver_paths[] = {{"/dev/dri", true}, {"/dev/nvidia0", true},
        {"/dev/nvidia1", true}, {"/dev/nvidiactl", true}, {"/dev/nvidia-uvm", true},
        {"/dev/nvidia-modeset", true}, {"/dev/nvidia-caps", true}, {"/dev/null", true},
        {"/dev/zero", false}, {"/dev/urandom", false}, {"/sys", false}, {"/proc/driver", false},
        {"/usr/lib", false}, {"/usr/lib64", false}, {"/usr/share", false}, {"/lib", false},
        {"/lib64", false}, {"/etc/ld.so.cache", false}, {"/etc/drirc", false},
        {"/etc/libva.conf", false}, {"/etc/glvnd", false}, {"/etc/nvidia", false},
        {"/etc/vdpau_wrapper.cfg", false}, {"/etc/OpenCL", false}, {"/etc/vulkan", false}};

/*
 * What it says goes to the daemon by messages, checked and counted. Straight to the log or a
 * terminal it would be neither: what a library says at its last, and whoever took it over.
 */
static int close_standard(void)
{
#ifdef __SANITIZE_ADDRESS__ /* the sanitizer has a lot to say then */
    return 0;
#else
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int r = null < 0 ? -errno : 0;
    for (int fd = STDIN_FILENO; r == 0 && fd <= STDERR_FILENO; fd++)
        r = dup2(null, fd) < 0 ? -errno : 0;
    if (null > STDERR_FILENO)
        close(null);
    return r;
#endif
}

static int confine(struct child *c, struct err *e)
{
    const struct confine_path webcam = {origin_path(c->conf.url), true};
    bool card = c->conf.hwaccel[0] && strcmp(c->conf.hwaccel, "none") != 0;
    enum origin_kind kind = origin_kind(c->conf.url);
    struct confine rights = {.memory = MEMORY,
            .paths = kind == ORIGIN_WEBCAM ? &webcam : driver_paths,
            .n_paths = kind == ORIGIN_WEBCAM ? 1
                       : card                ? sizeof(driver_paths) / sizeof(driver_paths[0])
                                             : 0,
            .drivers = card,
            .sizes = kind == ORIGIN_FILE,
            .binds = c->conf.transport == TRANSPORT_UDP};
    rights.devices = rights.threads = rights.n_paths > 0;
    struct confine_layers layers = {0};
    int r = close_standard();
    if (r < 0)
        return err_set(e, r, "/dev/null: %s", err_name(r));
    r = confine_rights(&rights, &layers, e);
    if (r < 0)
        return r;
    /* Not before: whoever is in this process is in its thread as well. */
    c->ear = ear_start(CHILD_SOCKET, c->halt, &c->beat);
    if (!c->ear)
        return err_set(e, -EAGAIN, "%.160s: no thread for its process", c->conf.url_shown);
    r = confine_calls(&rights, &layers, e);
    if (r < 0)
        return r;
    struct wire_message m = {.kind = WIRE_READY};
    m.ready.seccomp = layers.seccomp;
    m.ready.landlock = layers.landlock;
    tell(&m);
    return 0;
}

/* ------------------------------------------------------------- from start to end --- */

/* Where memory is short one camera goes, not the daemon: see OOMPolicy= of the unit. */
static void offer_to_go_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, OOM_SCORE, sizeof(OOM_SCORE) - 1);
        close(fd);
    }
}

/* A service's stop and a terminal's reach every process, and a neighbour may send more: when we end
 * is the daemon's to say, and our own faults'. */
static void leave_signals_to_the_daemon(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGABRT, SIGTRAP};
    sigset_t set;
    sigfillset(&set);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        sigdelset(&set, faults[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool receive_settings(struct child *c, uint64_t *ret_enough)
{
    char *text = mem_new(1, CHILD_CONF_SIZE);
    ssize_t n = recv(CHILD_SOCKET, text, CHILD_CONF_SIZE, 0);
    bool whole = n > 0 && settings_unpack(text, (size_t)n, &c->conf, ret_enough);
    explicit_bzero(text, CHILD_CONF_SIZE);
    free(text);
    return whole;
}

static enum source_fault run(struct child *c, uint64_t enough, struct err *e)
{
    struct session_order order = {
            .conf = &c->conf,
            .face = &c->rack.board->face,
            .ease = &c->rack.board->ease,
            .halt = c->halt,
            .beat = &c->beat,
            .enough = enough,
    };
    struct session_listener listener = {.arg = c,
            .opened = on_opened,
            .online = on_online,
            .picture = on_picture,
            .stock = on_stock};
    struct outlet outlet = {.arg = c,
            .reach = ask_for_connection,
            .datagrams = ask_for_datagrams,
            .send = ask_to_send};
    outlet_set(&outlet);
    enum source_fault fault = session_run(&order, &listener, e);
    outlet_set(NULL);
    return fault;
}

int child_main(void)
{
    struct child c = {0};
    struct err e = {0};
    uint64_t enough;
    leave_signals_to_the_daemon();
    offer_to_go_first();
    log_divert(on_line, &c);
    if (rack_map(&c.rack, CHILD_SHELF) < 0 || !receive_settings(&c, &enough)) {
        (void)!write(STDERR_FILENO, "faced starts this process itself\n", 33);
        return EXIT_FAILURE;
    }
    close(CHILD_SHELF);
    source_log_init();
    if (origin_kind(c.conf.url) == ORIGIN_FILE)
        local_keep(origin_path(c.conf.url));
    if (origin_kind(c.conf.url) == ORIGIN_WEBCAM)
        (void)local_check_webcam(origin_path(c.conf.url), NULL); /* loads a library */
    c.halt = stop_new();
    beat_set(&c.beat, BEAT_WORKING);
    enum source_fault fault = SOURCE_UNUSABLE;
    if (confine(&c, &e) == 0)
        fault = run(&c, enough, &e);
    if (c.stock.decoder)
        tell_stock(&c);
    struct wire_message m = {.kind = WIRE_END};
    m.end.fault = fault;
    m.end.code = e.code;
    (void)snprintf(m.end.text, sizeof(m.end.text), "%s", e.text);
    tell(&m);
    _exit(EXIT_SUCCESS); /* what is still open is the kernel's to close */
}
