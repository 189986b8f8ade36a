/* needs: app/sandbox/ways source/reach base/stop base/thread base/mem base/mono base/url */
#include "app/sandbox/ways.h"

#include "base/stop.h"
#include "flow/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A camera on loopback, and somebody else there whom datagrams do not concern. */
struct rig {
    int camera, other;
    int camera_port, other_port;
    char url[64];
    struct conf_camera conf;
    struct stop *stop;
    struct ways ways;
};

static int open_on(const char *address, int type, int *ret_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(inet_pton(AF_INET, address, &at.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static int begin(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->camera = open_on("127.0.0.7", SOCK_STREAM, &r->camera_port);
    r->other = open_on("127.0.0.1", SOCK_DGRAM, &r->other_port);
    (void)snprintf(r->url, sizeof(r->url), "rtsp://u:p@127.0.0.7:%d/s", r->camera_port);
    r->conf.url = r->url;
    r->conf.transport = TRANSPORT_UDP;
    r->stop = stop_new();
    ways_init(&r->ways, &r->conf);
    *state = r;
    return 0;
}

static int end(void **state)
{
    struct rig *r = *state;
    ways_close(&r->ways);
    stop_free(r->stop);
    close(r->camera);
    close(r->other);
    free(r);
    return 0;
}

/* A socket as its process gets it and binds it; the port. */
static int datagrams(struct rig *r, int *ret_fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    *ret_fd = ways_datagrams(&r->ways, AF_INET);
    assert_true(*ret_fd >= 0);
    assert_int_equal(bind(*ret_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(*ret_fd, (struct sockaddr *)&at, &size), 0);
    return ntohs(at.sin_port);
}

/* On loopback what was sent is there when sendto() returns. */
static bool has_come(int fd)
{
    char c;
    return recv(fd, &c, 1, MSG_DONTWAIT) == 1;
}

static void only_its_own_camera_is_reached(void **state)
{
    struct rig *r = *state;
    assert_int_equal(listen(r->camera, 1), 0);
    assert_int_equal(ways_connect(&r->ways, "127.0.0.1", r->camera_port, r->stop), -EACCES);
    assert_int_equal(ways_connect(&r->ways, "127.0.0.7", r->other_port, r->stop), -EACCES);
    int fd = ways_connect(&r->ways, "127.0.0.7", r->camera_port, r->stop);
    assert_true(fd >= 0);
    close(fd);
}

static void datagrams_go_to_the_camera(void **state)
{
    struct rig *r = *state;
    int port, fd, own;
    int there = open_on("127.0.0.7", SOCK_DGRAM, &port);
    assert_int_equal(listen(r->camera, 1), 0);
    fd = ways_connect(&r->ways, "127.0.0.7", r->camera_port, r->stop);
    assert_true(fd >= 0);
    int from = datagrams(r, &own);
    ways_send(&r->ways, from, port, "x", 1);
    assert_true(has_come(there));
    ways_send(&r->ways, from == 9 ? 10 : 9, port, "x", 1); /* from no socket of its own */
    assert_false(has_come(there));
    ways_send(&r->ways, from, r->other_port, "x", 1); /* the camera's host, not ours */
    assert_false(has_come(r->other));
    close(fd);
    close(own);
    close(there);
}

/* Nor to whoever has no address: that would be this host. */
static void a_camera_that_was_not_reached_gets_none(void **state)
{
    struct rig *r = *state;
    int own;
    int from = datagrams(r, &own);
    ways_send(&r->ways, from, r->other_port, "x", 1);
    assert_false(has_come(r->other));
    assert_int_equal(ways_connect(&r->ways, "127.0.0.7", r->camera_port, r->stop), -ECONNREFUSED);
    ways_send(&r->ways, from, r->other_port, "x", 1);
    assert_false(has_come(r->other));
    close(own);
}

static void over_tcp_there_are_no_datagrams(void **state)
{
    struct rig *r = *state;
    r->conf.transport = TRANSPORT_TCP;
    assert_int_equal(ways_datagrams(&r->ways, AF_INET), -EACCES);
}

/* Who asks for more and more has the first ones closed on our side. */
static void sockets_are_bounded(void **state)
{
    struct rig *r = *state;
    int fds[WAYS_DATAGRAMS * 3];
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        fds[i] = ways_datagrams(&r->ways, AF_INET);
        assert_true(fds[i] >= 0);
        close(fds[i]);
    }
    int next = dup(r->other);
    assert_true(next >= 0 && next < r->other + 8 + WAYS_DATAGRAMS);
    close(next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(only_its_own_camera_is_reached, begin, end),
            cmocka_unit_test_setup_teardown(datagrams_go_to_the_camera, begin, end),
            cmocka_unit_test_setup_teardown(a_camera_that_was_not_reached_gets_none, begin, end),
            cmocka_unit_test_setup_teardown(over_tcp_there_are_no_datagrams, begin, end),
            cmocka_unit_test_setup_teardown(sockets_are_bounded, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
