/* needs: bus/topic app/control app/errand base/err base/log base/mem base/mono base/redact base/url base/utf8 */
/*
 * What others ask of us: a topic and a payload from the broker, and a line on the control socket.
 * A topic up to a newline, a payload up to the next one, and then what a client sends.
 */
#include "app/control.h"
#include "app/errand.h"
#include "base/log.h"
#include "base/mem.h"
#include "bus/topic.h"
#include "fuzz.h"
#include "store/store.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The store: it takes any order, and has the one that it got. */
static struct store_order ordered;
static bool has_order;

int store_order(struct store *s, const struct store_order *order)
{
    (void)s;
    ordered = *order;
    has_order = true;
    return 0;
}

void store_progress(struct store *s, struct store_progress *ret)
{
    (void)s;
    *ret = (struct store_progress){.code = 0};
}

static void from_the_broker(const char *topic, const uint8_t *payload, size_t size)
{
    static const char base[] = "faced/node";
    char camera[NAME_SIZE] = "";
    bool on;
    if (topic_is_enabled_set(base, topic, camera)) {
        char whole[128];
        HOLDS(topic_valid(topic) && *camera && !strpbrk(camera, "/+#"));
        (void)snprintf(whole, sizeof(whole), "%s/%s/enabled/set", base, camera);
        HOLDS(strcmp(whole, topic) == 0);
    }
    if (topic_on_off(payload, size, &on))
        HOLDS(size == (on ? 2U : 3U));
    if (topic_valid(topic))
        HOLDS(*topic && !strpbrk(topic, "+#\n"));
}

/* As the daemon does it; see app/daemon.c. */
static char *answer(void *arg, const char *command, const struct json_t *request, uint64_t token)
{
    if (strcmp(command, "prune") == 0 || strcmp(command, "erase") == 0)
        return errand_begin(arg, command, request, token);
    return mem_strdup("{}");
}

static void serve(struct control *c)
{
    struct pollfd fds[CONTROL_POLL_MAX];
    size_t n = control_poll(c, fds);
    if (poll(fds, n, 0) > 0)
        control_serve(c, fds, n);
}

static void from_a_client(const uint8_t *data, size_t size)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/faced-fuzz-%d", (int)getpid());
    struct errand *errand = errand_new(NULL);
    struct control *c = control_open(a.sun_path, answer, errand, NULL);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    HOLDS(c && fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0);
    has_order = false;
    serve(c);
    size_t half = size / 2;
    if (half)
        (void)!send(fd, data, half, MSG_NOSIGNAL | MSG_DONTWAIT);
    serve(c);
    (void)!send(fd, data + half, size - half, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (int i = 0; i < 4; i++)
        serve(c);
    errand_turn(errand, c);
    serve(c);
    /* Nobody erases everything by leaving something out. */
    if (has_order && ordered.job == STORE_ERASE)
        HOLDS(ordered.who.camera[0] || ordered.who.since_us > 0 || ordered.who.until_us > 0);
    close(fd);
    control_close(c);
    errand_free(errand);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    log_open(LEVEL_NONE);
    char *topic = take_text(&in, '\n');
    const uint8_t *end = in.left ? memchr(in.data, '\n', in.left) : NULL;
    size_t n = end ? (size_t)(end - in.data) : in.left;
    from_the_broker(topic, in.data, n);
    if (end)
        from_a_client(end + 1, in.left - n - 1);
    free(topic);
    return 0;
}
