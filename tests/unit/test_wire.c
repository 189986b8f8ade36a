/* needs: app/sandbox/wire base/utf8 */
#include "app/sandbox/wire.h"

#include "base/beat.h"
#include "base/log.h"
#include "kit_random.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static int ends[2];

static int begin(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

static int end(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What a process that is ours would say, one of each kind. */
static struct wire_message honest(enum wire_kind kind)
{
    struct wire_message m = {.kind = kind};
    switch (kind) {
    case WIRE_REACH:
        memcpy(m.reach.host, "camera.example", 15);
        m.reach.port = 554;
        break;
    case WIRE_UDP: m.udp.family = AF_INET; break;
    case WIRE_SEND: m.send.from = m.send.to = 5000; break;
    case WIRE_LOG: memcpy(m.log.text, "a line", 7); break;
    case WIRE_PICTURE:
        m.picture.packed.width = 1920;
        m.picture.packed.height = 1080;
        m.picture.cols = 32;
        m.picture.rows = 18;
        m.picture.block = 60;
        m.picture.at_us[32 * 18 - 1] = 7;
        break;
    default: break;
    }
    return m;
}

static void each_kind_arrives_as_it_was_sent(void **state)
{
    (void)state;
    for (int kind = WIRE_STOP; kind <= WIRE_END; kind++) {
        struct wire_message out = honest((enum wire_kind)kind), in = {0};
        int fd;
        assert_int_equal(wire_send(ends[0], &out, -1, false), 0);
        assert_int_equal(wire_receive(ends[1], false, &in, &fd), 0);
        assert_int_equal(fd, -1);
        assert_memory_equal(&in, &out, sizeof(in));
    }
}

/* A camera need not say from which port it sends: then what is sent to it is lost. */
static void a_datagram_to_nowhere_is_taken(void **state)
{
    (void)state;
    struct wire_message out = honest(WIRE_SEND), in;
    int fd;
    out.send.to = 0;
    assert_int_equal(wire_send(ends[0], &out, -1, false), 0);
    assert_int_equal(wire_receive(ends[1], false, &in, &fd), 0);
}

/* Also one of ninety thousand pictures a second, as cameras announce it. */
static void every_rate_is_taken(void **state)
{
    (void)state;
    static const double rates[] = {0, 1.0 / INT32_MAX, 25, 90000, INT32_MAX};
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct wire_message out = {.kind = WIRE_OPENED, .opened.fps = rates[i]}, in;
        int fd;
        assert_int_equal(wire_send(ends[0], &out, -1, false), 0);
        assert_int_equal(wire_receive(ends[1], false, &in, &fd), 0);
        assert_true(in.opened.fps == rates[i]);
    }
}

static void a_descriptor_goes_along(void **state)
{
    (void)state;
    struct wire_message out = {.kind = WIRE_REACHED}, in;
    int fd, fds[2];
    char c = 'x';
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(wire_send(ends[0], &out, fds[0], false), 0);
    close(fds[0]);
    assert_int_equal(wire_receive(ends[1], false, &in, &fd), 0);
    assert_int_equal(write(fds[1], &c, 1), 1);
    c = 0;
    assert_int_equal(read(fd, &c, 1), 1);
    assert_int_equal(c, 'x');
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(fds[1]);
}

/* The number that the next descriptor of ours would have. */
static int next_descriptor(void)
{
    int fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
    assert_true(fd >= 0);
    close(fd);
    return fd;
}

/* n bytes with so many descriptors, as wire_send() never sends them. */
static void send_with(const void *bytes, size_t n, size_t n_fds)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int) * 4)];
    } control = {0};
    struct iovec part = {(void *)bytes, n};
    struct msghdr h = {.msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = control.bytes,
            .msg_controllen = CMSG_SPACE(sizeof(int) * n_fds)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    int fds[] = {ends[0], ends[0], ends[0], ends[0]};
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    assert_int_equal(sendmsg(ends[0], &h, 0), n);
}

/* Else a process could use up the daemon's descriptors, two with each message. */
static void no_descriptor_stays_behind(void **state)
{
    (void)state;
    struct wire_message m = honest(WIRE_READY), in;
    size_t whole = offsetof(struct wire_message, ready) + sizeof(m.ready);
    int lowest = next_descriptor(), fd;
    for (size_t n_fds = 2; n_fds <= 4; n_fds++) {
        send_with(&m, whole, n_fds);
        assert_int_equal(wire_receive(ends[1], false, &in, &fd), -EPROTO);
        assert_int_equal(fd, -1);
        assert_int_equal(next_descriptor(), lowest);
    }
    send_with(&m, whole + 1, 1);
    assert_int_equal(wire_receive(ends[1], false, &in, &fd), -EPROTO);
    assert_int_equal(fd, -1);
    assert_int_equal(next_descriptor(), lowest);
    send_with(&m, 0, 1); /* a message of nothing looks like the end */
    assert_int_equal(wire_receive(ends[1], false, &in, &fd), -EPIPE);
    assert_int_equal(fd, -1);
    assert_int_equal(next_descriptor(), lowest);
}

static void nobody_and_nothing_are_told_apart(void **state)
{
    (void)state;
    struct wire_message m = {.kind = WIRE_READY};
    int fd;
    assert_int_equal(wire_receive(ends[1], false, &m, &fd), -EAGAIN);
    close(ends[0]);
    ends[0] = -1;
    assert_int_equal(wire_receive(ends[1], false, &m, &fd), -EPIPE);
    assert_int_equal(wire_send(ends[1], &m, -1, true), -EPIPE);
}

/* Nor does it matter whether he had read everything when he left. */
static void last_words_are_heard(void **state)
{
    (void)state;
    struct wire_message stop = {.kind = WIRE_STOP}, end = honest(WIRE_END), m;
    int fd;
    assert_int_equal(wire_send(ends[1], &stop, -1, false), 0);
    assert_int_equal(wire_send(ends[0], &end, -1, false), 0);
    close(ends[0]);
    ends[0] = -1;
    assert_int_equal(wire_receive(ends[1], false, &m, &fd), 0);
    assert_int_equal(m.kind, WIRE_END);
    assert_int_equal(wire_receive(ends[1], false, &m, &fd), -EPIPE);
}

/* Who does not read cannot hold up who does not want to wait. */
static void a_full_socket_is_said(void **state)
{
    (void)state;
    struct wire_message m = {.kind = WIRE_STOP};
    int r = 0;
    for (int i = 0; i < 100000 && r == 0; i++)
        r = wire_send(ends[0], &m, -1, false);
    assert_int_equal(r, -EAGAIN);
}

static void unsound(struct wire_message m)
{
    assert_false(wire_is_sound(&m, sizeof(m)));
}

static void what_no_honest_one_says_is_refused(void **state)
{
    (void)state;
    struct wire_message m;
    for (int kind = WIRE_STOP; kind <= WIRE_END; kind++) {
        m = honest((enum wire_kind)kind);
        size_t right = 0;
        for (size_t n = 0; n <= sizeof(m); n++) {
            struct wire_message copy = m;
            right += wire_is_sound(&copy, n);
        }
        assert_int_equal(right, 1); /* one length, to the byte */
    }
    m = (struct wire_message){.kind = WIRE_END + 1};
    unsound(m);
    m = (struct wire_message){.kind = 0};
    unsound(m);

#define REFUSED(of, change)                                                                        \
    do {                                                                                           \
        m = honest(of);                                                                            \
        int other;                                                                                 \
        change;                                                                                    \
        assert_int_equal(wire_send(ends[0], &m, -1, false) == 0 &&                                 \
                                 wire_receive(ends[1], false, &m, &other) == 0,                    \
                0);                                                                                \
    } while (0)
    REFUSED(WIRE_REACH, m.reach.port = 0);
    REFUSED(WIRE_REACH, m.reach.port = 65536);
    REFUSED(WIRE_UDP, m.udp.family = AF_UNIX);
    REFUSED(WIRE_SEND, m.send.n = WIRE_DATAGRAM + 1);
    REFUSED(WIRE_SEND, m.send.from = -1);
    REFUSED(WIRE_BEAT, m.beat.age_ms = -1);
    REFUSED(WIRE_BEAT, m.beat.state = 99);
    REFUSED(WIRE_LOG, m.log.level = LEVEL_DEBUG + 1);
    REFUSED(WIRE_LOG, m.log.level = -2);
    REFUSED(WIRE_OPENED, m.opened.fps = NAN);
    REFUSED(WIRE_OPENED, m.opened.fps = -1);
    REFUSED(WIRE_OPENED, m.opened.fps = 1e-300); /* two frames of it are too long for a number */
    REFUSED(WIRE_OPENED, m.opened.fps = INFINITY);
    REFUSED(WIRE_OPENED, m.opened.duration_us = -1);
    REFUSED(WIRE_STOCK, m.stock.counts.frames = UINT64_MAX);
    REFUSED(WIRE_STOCK, m.stock.counts.behind = (UINT64_C(1) << 53) + 1);
    REFUSED(WIRE_PICTURE, m.picture.place = WIRE_BUFFERS);
    REFUSED(WIRE_PICTURE, m.picture.place = -1);
    REFUSED(WIRE_PICTURE, m.picture.how = GIVE_REFRESH + 1);
    REFUSED(WIRE_PICTURE, m.picture.block = 0);
    REFUSED(WIRE_PICTURE, m.picture.block = -5);
    REFUSED(WIRE_END, m.end.fault = SOURCE_FAULT_COUNT);
    REFUSED(WIRE_END, m.end.code = 1);
}

/* As large as a decoder's, at a time with which one can reckon. */
static void a_picture_beyond_its_bounds_is_refused(void **state)
{
    (void)state;
    struct wire_message m;
    REFUSED(WIRE_PICTURE, m.picture.packed.width = 0);
    REFUSED(WIRE_PICTURE, m.picture.packed.height = -1080);
    REFUSED(WIRE_PICTURE, m.picture.packed.width = FRAME_MAX_SIDE + 1);
    REFUSED(WIRE_PICTURE, m.picture.packed.width = m.picture.packed.height = 8192);
    REFUSED(WIRE_PICTURE, m.picture.packed.time_us = INT64_MIN);
    REFUSED(WIRE_PICTURE, m.picture.packed.wall_us = INT64_MAX);
    REFUSED(WIRE_PICTURE, m.picture.packed.wall_us = INT64_C(253402300800000000)); /* 10000-01-01 */
    REFUSED(WIRE_PICTURE, m.picture.packed.wall_us = -1);
    REFUSED(WIRE_PICTURE, m.picture.still_us = INT64_MAX);
    REFUSED(WIRE_PICTURE, m.picture.at_us[0] = INT64_MIN);
    REFUSED(WIRE_PICTURE, m.picture.at_us[32 * 18 - 1] = INT64_MAX);
}

static void a_grid_beyond_its_bounds_is_refused(void **state)
{
    (void)state;
    struct wire_message m = honest(WIRE_PICTURE);
    m.picture.cols = CHANGE_SIDE + 1;
    unsound(m);
    m.picture.cols = -1;
    unsound(m);
    m.picture.cols = INT32_MAX;
    m.picture.rows = INT32_MAX;
    unsound(m);
}

static void texts_become_one_clean_line(void **state)
{
    (void)state;
    struct wire_message m = honest(WIRE_LOG);
    size_t size = offsetof(struct wire_message, log) + sizeof(m.log);
    memset(m.log.topic, 'x', sizeof(m.log.topic)); /* no end */
    memcpy(m.log.text, "a\nb\x1b[2J\xff\xc3\xbc\x7f", 11);
    m.log.text[11] = '\0';
    assert_true(wire_is_sound(&m, size));
    assert_int_equal(strlen(m.log.topic), sizeof(m.log.topic) - 1);
    assert_string_equal(m.log.text, "a?b?[2J?\xc3\xbc?");
}

static void truth_has_one_bit(void **state)
{
    (void)state;
    struct wire_message m = honest(WIRE_ONLINE);
    memset(&m.online.unverified, 0xaa, 1);
    assert_true(wire_is_sound(&m, offsetof(struct wire_message, online) + sizeof(m.online)));
    unsigned char byte;
    memcpy(&byte, &m.online.unverified, 1);
    assert_int_equal(byte, 1);
}

/* Whatever comes, nothing is read beyond it (the sanitizers watch). */
static void at_random(void **state)
{
    (void)state;
    for (int i = 0; i < 200000; i++) {
        size_t n = (size_t)(draw() * (float)(sizeof(struct wire_message) + 1));
        struct wire_message *m = calloc(1, sizeof(*m));
        for (size_t k = 0; k < 64 && k < n; k++)
            ((unsigned char *)m)[k] = (unsigned char)(draw() * 256);
        m->kind = (uint32_t)(draw() * (WIRE_END + 3));
        (void)wire_is_sound(m, n);
        free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(each_kind_arrives_as_it_was_sent, begin, end),
            cmocka_unit_test_setup_teardown(a_datagram_to_nowhere_is_taken, begin, end),
            cmocka_unit_test_setup_teardown(every_rate_is_taken, begin, end),
            cmocka_unit_test_setup_teardown(a_descriptor_goes_along, begin, end),
            cmocka_unit_test_setup_teardown(no_descriptor_stays_behind, begin, end),
            cmocka_unit_test_setup_teardown(nobody_and_nothing_are_told_apart, begin, end),
            cmocka_unit_test_setup_teardown(last_words_are_heard, begin, end),
            cmocka_unit_test_setup_teardown(a_full_socket_is_said, begin, end),
            cmocka_unit_test_setup_teardown(what_no_honest_one_says_is_refused, begin, end),
            cmocka_unit_test_setup_teardown(a_picture_beyond_its_bounds_is_refused, begin, end),
            cmocka_unit_test(a_grid_beyond_its_bounds_is_refused),
            cmocka_unit_test(texts_become_one_clean_line),
            cmocka_unit_test(truth_has_one_bit),
            cmocka_unit_test(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
