/* needs: conf/load conf/group conf/value conf/schema conf/address conf/area conf/expand conf/text base/err base/mem base/log base/mono base/url base/redact base/when base/utf8 flow/polygon */
#include "conf/load.h"

#include "base/redact.h"
#include "conf/text.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CAMERA "cameras: ({ name = \"door\"; url = \"clip.mp4\"; });"

/* libconfig 1.5 forgets a string when the syntax is wrong: 60 bytes at each failed load. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static char path[64]; /* of the file that load() made */

/* Loads these bytes from a file that lives in memory. */
static int load_bytes(const void *bytes, size_t n, unsigned flags, struct conf **ret, struct err *e)
{
    int fd = memfd_create("conf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    *e = (struct err){0};
    int r = conf_load(path, flags, ret, e);
    close(fd);
    return r;
}

static struct conf *load(const char *text, unsigned flags)
{
    struct conf *c = NULL;
    struct err e;
    if (load_bytes(text, strlen(text), flags, &c, &e) < 0)
        fail_msg("%s", e.text);
    return c;
}

/* The file is refused with exactly this sentence behind its name. */
static void refused(const char *text, const char *sentence)
{
    struct conf *c = NULL;
    struct err e;
    int r = load_bytes(text, strlen(text), 0, &c, &e);
    if (r == 0)
        fail_msg("taken: %s", text);
    assert_int_equal(r, -EINVAL);
    assert_int_equal(e.code, -EINVAL);
    assert_int_equal(strncmp(e.text, path, strlen(path)), 0);
    assert_string_equal(e.text + strlen(path), sentence);
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    assert_int_equal(setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1), 0);
    assert_int_equal(unsetenv("FACED_MODELS"), 0);
    struct conf *c = load(CAMERA, 0);
    assert_string_equal(c->file, path);
    assert_true(strlen(c->node) > 0);
    assert_int_equal(strspn(c->node, "abcdefghijklmnopqrstuvwxyz0123456789_-"), strlen(c->node));
    assert_string_equal(c->control, "/run/one/control.sock");
    assert_string_equal(c->secrets_dir, "/etc/faced/secrets");
    assert_string_equal(c->database.path, "/var/lib/faced/faced.db");
    assert_false(c->database.observations);
    assert_false(c->mqtt.configured);
    assert_string_equal(c->models.dir, "/usr/share/faced/models");
    assert_string_equal(c->models.detector, "yunet");
    assert_string_equal(c->models.attributes, "combined");
    assert_true(c->certainty == 0.8);
    assert_int_equal(c->track.confirm, 3);
    assert_int_equal(c->track.lost_us, 3000000);
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
    assert_int_equal(c->workers, CPU_COUNT(&set) < 8 ? CPU_COUNT(&set) : 8);
    assert_int_equal(c->n_cameras, 1);
    assert_string_equal(c->cameras[0].name, "door");
    assert_string_equal(c->cameras[0].url, "clip.mp4");
    assert_string_equal(c->cameras[0].url_shown, "clip.mp4");
    assert_true(c->cameras[0].fps == 5.0);
    assert_int_equal(c->cameras[0].transport, TRANSPORT_TCP);
    assert_int_equal(c->cameras[0].pace, PACE_REAL);
    assert_true(c->cameras[0].enabled && !c->cameras[0].loop);
    assert_int_equal(c->cameras[0].min_face, 12);
    assert_int_equal(c->cameras[0].max_face, 0);
    conf_free(c);
    assert_int_equal(unsetenv("RUNTIME_DIRECTORY"), 0);
}

static void values_are_taken(void **state)
{
    (void)state;
    struct conf *c =
            load("node = \"lobby\"; control = \"./s\"; database: { path = \"x.db\";"
                 "observations = true; }; models = { dir = \"m\"; detector = \"ssd\";"
                 "attributes = \"levi-hassner\"; }; attributes = { certainty = 0.9; };"
                 "track = { confirm = 1; lost = \"500ms\"; }; pipeline = { workers = 64; };"
                 "defaults = { fps = 10; transport = \"udp\"; enabled = FALSE; };"
                 "cameras = ({ name = \"a\"; url = \"RTSP://h/x\"; fps = 2; },"
                 "{ name = \"b\"; url = \"/dev/video0\"; pace = \"max\"; loop = true;"
                 "enabled = true; min_face = 0; max_face = 400; });",
                    0);
    assert_string_equal(c->node, "lobby");
    assert_string_equal(c->control, "./s");
    assert_string_equal(c->database.path, "x.db");
    assert_true(c->database.observations);
    assert_string_equal(c->models.dir, "m");
    assert_string_equal(c->models.detector, "ssd");
    assert_true(c->certainty == 0.9);
    assert_int_equal(c->track.confirm, 1);
    assert_int_equal(c->track.lost_us, 500000);
    assert_int_equal(c->workers, 64);
    assert_int_equal(c->n_cameras, 2);
    /* an integer where a float is meant; a camera's own value before the one for all */
    assert_true(c->cameras[0].fps == 2.0 && c->cameras[1].fps == 10.0);
    assert_true(!c->cameras[0].enabled && c->cameras[1].enabled);
    assert_int_equal(c->cameras[1].transport, TRANSPORT_UDP);
    assert_int_equal(c->cameras[1].pace, PACE_MAX);
    assert_int_equal(c->cameras[1].max_face, 400);
    conf_free(c);
}

/* A camera's own stand in the place of those for all, and an empty list is one. */
static void zones_and_masks(void **state)
{
    (void)state;
    struct conf *c =
            load("defaults: { zones = ( \"0,0, 0.5,0, 0.5,1\" );"
                 "masks = [ \" 0.1 , .2,0.3,0.4 , 1e-2,1 \", \"0,0,1,0,1,1,0,1\" ]; };"
                 "cameras: ({ name = \"a\"; url = \"x\"; },"
                 "{ name = \"b\"; url = \"x\"; zones = (); masks = ( \"0,0,0,1,1,0\" ); });",
                    0);
    const struct conf_camera *a = &c->cameras[0], *b = &c->cameras[1];
    assert_int_equal(a->zones.n, 1);
    assert_int_equal(a->zones.list[0].n, 3);
    assert_true(a->zones.list[0].point[2].x == 0.5f && a->zones.list[0].point[2].y == 1);
    assert_int_equal(a->masks.n, 2);
    assert_true(a->masks.list[0].point[0].y == 0.2f && a->masks.list[0].point[2].x == 0.01f);
    assert_int_equal(a->masks.list[1].n, 4);
    assert_int_equal(b->zones.n, 0);
    assert_int_equal(b->masks.n, 1);
    assert_true(b->masks.list[0].point[1].y == 1);
    conf_free(c);
}

static void environment_names_the_models(void **state)
{
    (void)state;
    assert_int_equal(setenv("FACED_MODELS", "build/models", 1), 0);
    struct conf *c = load("models: { dir = \"elsewhere\"; };" CAMERA, 0);
    assert_string_equal(c->models.dir, "build/models");
    conf_free(c);
    assert_int_equal(unsetenv("FACED_MODELS"), 0);
}

static void several_brokers(void **state)
{
    (void)state;
    struct conf *c = load("mqtt: { urls = ( \"mqtts://one.example\", \"mqtt://[::1]:1884\" );"
                          " username = \"me\"; };" CAMERA,
            0);
    assert_true(c->mqtt.configured && c->mqtt.listed);
    assert_int_equal(c->mqtt.n_brokers, 2);
    assert_string_equal(c->mqtt.brokers[0].host, "one.example");
    assert_int_equal(c->mqtt.brokers[0].port, 8883);
    assert_true(c->mqtt.brokers[0].tls);
    assert_string_equal(c->mqtt.brokers[0].url_shown, "mqtts://one.example");
    assert_int_equal(c->mqtt.brokers[1].port, 1884);
    assert_false(c->mqtt.brokers[1].tls);
    assert_int_equal(c->mqtt.version, MQTT_AUTO);
    conf_free(c);
    c = load(
            "mqtt: { urls = [ \"mqtt://one\", \"mqtt://two\" ]; version = \"3.1.1\"; };" CAMERA, 0);
    assert_int_equal(c->mqtt.n_brokers, 2);
    assert_int_equal(c->mqtt.version, MQTT_3_1_1);
    conf_free(c);
}

static void the_brokers_url(void **state)
{
    (void)state;
    struct conf *c = load("node = \"n\"; mqtt = { url = \"mqtt://broker.example\"; };" CAMERA, 0);
    assert_true(c->mqtt.configured);
    assert_int_equal(c->mqtt.n_brokers, 1);
    assert_string_equal(c->mqtt.brokers[0].host, "broker.example");
    assert_int_equal(c->mqtt.brokers[0].port, 1883);
    assert_false(c->mqtt.brokers[0].tls);
    assert_null(c->mqtt.username);
    assert_null(c->mqtt.password);
    assert_string_equal(c->mqtt.prefix, "faced");
    assert_string_equal(c->mqtt.client_id, "faced-n");
    assert_int_equal(c->mqtt.outbox_age_us, INT64_C(30) * 86400 * 1000000);
    assert_int_equal(c->mqtt.outbox_size, INT64_C(1) << 30);
    assert_int_equal(c->database.retention_us, INT64_C(90) * 86400 * 1000000);
    assert_int_equal(c->database.max_size, INT64_C(2) << 30);
    conf_free(c);

    c = load("database: { retention = \"0s\"; max_size = \"0\"; };" CAMERA, 0);
    assert_int_equal(c->database.retention_us, 0); /* for ever */
    assert_int_equal(c->database.max_size, 0);
    conf_free(c);

    c = load(
            "mqtt = { url = \"mqtt://me:p%40ss%2Fword@[2001:db8::1]:1884/\"; outbox_size = \"64K\";"
            "outbox_age = \"1m\"; prefix = \"a/b\"; };" CAMERA,
            0);
    assert_string_equal(c->mqtt.brokers[0].host, "2001:db8::1");
    assert_int_equal(c->mqtt.brokers[0].port, 1884);
    assert_string_equal(c->mqtt.username, "me");
    assert_string_equal(c->mqtt.password, "p@ss/word");
    assert_string_equal(c->mqtt.brokers[0].url_shown, "mqtt://me:***@[2001:db8::1]:1884/");
    assert_int_equal(c->mqtt.outbox_size, 65536);
    char shown[64];
    redact_text(shown, sizeof(shown), "x p@ss/word y p%40ss%2Fword z");
    assert_string_equal(shown, "x *** y *** z");
    conf_free(c);
    redact_clear();
}

/* Ten corners more. */
#define TEN ",0,.1,0,.2,0,.3,0,.4,0,.5,0,.6,0,.7,0,.8,0,.9,0,1"

static void every_error_is_one_sentence_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
            {"", ": there is no camera to watch: give one, as in cameras: ( { name = \"door\"; "
                 "url = \"rtsp://192.0.2.7/stream\"; } );"},
            {"cameras = (\n);",
                    ":1: there is no camera to watch: give one, as in cameras: ( { name "
                    "= \"door\"; url = \"rtsp://192.0.2.7/stream\"; } );"},
            {"cameras: (\n{ name = \"a\"; url = \"x\"; },\n{ name = \"b\"; url = \"x\"; },\n"
             "{ name = \"c\"; url = \"x\";\nfps = 50; });",
                    ":5: cameras[2].fps: 50 is out of range, 0.5 to 30"},
            {"cameras: ({ name = \"a\"; url = \"x\"; fps = 0.49; });",
                    ":1: cameras[0].fps: 0.49 is out of range, 0.5 to 30"},
            {"cameras: ({ name = \"a\"; url = \"x\"; fps = 1e400; });",
                    ":1: cameras[0].fps: inf is out of range, 0.5 to 30"},
            {"cameras: ({ name = \"a\"; url = \"x\";\n fsp = 5; });",
                    ":2: cameras[0]: unknown key 'fsp', did you mean 'fps'?"},
            {"cameras: ({ name = \"a\"; url = \"x\"; fps = \"5\"; });",
                    ":1: cameras[0].fps: a number, 0.5 to 30 is expected, not a string"},
            {"cameras: ({ name = \"a\"; url = \"x\"; fps = (5); });",
                    ":1: cameras[0].fps: a number, 0.5 to 30 is expected, not a list ( ... )"},
            {"cameras: ({ name = \"a\"; url = \"x\"; loop = 1; });",
                    ":1: cameras[0].loop: true or false is expected, not a whole number"},
            {"cameras: ({ name = \"a\"; url = \"x\"; transport = \"tpc\"; });",
                    ":1: cameras[0].transport: 'tpc' is not one of \"tcp\", \"udp\""},
            {"cameras: ({ name = \"a\"; url = \"x\"; tiles = \"on\"; });",
                    ":1: cameras[0].tiles: 'on' is not one of \"off\", \"auto\""},
            {"cameras: ({ name = \"a\"; url = \"x\"; min_face = 40; max_face = 30; });",
                    ":1: cameras[0]: max_face (30) is smaller than min_face (40)"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = \"0,0, 1,0, 1,1\"; });",
                    ":1: cameras[0].zones: a list of polygons, ( \"0,0, 0.5,0, 0.5,1\" ) is "
                    "expected, not a single value"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( 0, 0, 1 ); });",
                    ":1: cameras[0].zones: polygon 1: a string, \"0,0, ...\", is expected in the "
                    "list"},
            {"defaults: { masks = (\n\"0,0, 1,0, 1,1\",\n\"0,0, 640,0, 1,1\" ); };" CAMERA,
                    ":3: defaults.masks: polygon 2: 640 is out of range, 0 to 1: corners are "
                    "relative to the picture"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,-0.1, 1,1\" ); });",
                    ":1: cameras[0].zones: polygon 1: -0.1 is out of range, 0 to 1: corners are "
                    "relative to the picture"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,zero, 1,1\" ); });",
                    ":1: cameras[0].zones: polygon 1: 'zero' is not a number, 0 to 1"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,nan, 1,1\" ); });",
                    ":1: cameras[0].zones: polygon 1: 'nan' is not a number, 0 to 1"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0 0, 1 0, 1 1\" ); });",
                    ":1: cameras[0].zones: polygon 1: '0 0' is not a number, 0 to 1"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,0, 1,1,\" ); });",
                    ":1: cameras[0].zones: polygon 1: '' is not a number, 0 to 1"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"\" ); });",
                    ":1: cameras[0].zones: polygon 1: '' is not a number, 0 to 1"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,0, 1\" ); });",
                    ":1: cameras[0].zones: polygon 1: 5 numbers do not make a polygon: x and y of "
                    "each corner, 3 to 32 corners"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, 1,1\" ); });",
                    ":1: cameras[0].zones: polygon 1: 4 numbers do not make a polygon: x and y of "
                    "each corner, 3 to 32 corners"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0" TEN TEN TEN
             ",1,1,1,0\" ); });",
                    ":1: cameras[0].zones: polygon 1: 66 numbers do not make a polygon: x and y of "
                    "each corner, 3 to 32 corners"},
            {"cameras: ({ name = \"a\"; url = \"x\"; zones = ( \"0,0, .5,.5, 1,1\" ); });",
                    ":1: cameras[0].zones: polygon 1: its corners lie on one line: there is "
                    "nothing "
                    "within"},
            {"cameras: ({ name = \"a\"; url = \"x\"; masks = ( \"\", \"\", \"\", \"\", \"\", \"\", "
             "\"\", \"\", "
             "\"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\", \"\" ); });",
                    ":1: cameras[0].masks: 17 polygons are too many, at most 16 are allowed"},
            {"cameras: (\n{ name = \"a\"; });", ":2: cameras[0]: 'url' is missing"},
            {"cameras: (\n{ url = \"a\"; });", ":2: cameras[0]: 'name' is missing"},
            {"cameras: ({ name = \"Front Door\"; url = \"x\"; });",
                    ":1: cameras[0].name: 'Front Door' is not a name, 1 to 32 of the characters "
                    "a-z 0-9 _ -"},
            {"cameras: ({ name = \"a\"; url = \"x\"; },\n { url = \"x\";\n name = \"a\"; });",
                    ":3: cameras[1]: the name 'a' is taken by cameras[0] in line 1"},
            {"cameras: { name = \"a\"; url = \"x\"; };",
                    ":1: cameras: a list of groups, ( { ... }, { ... } ), is expected, not a group "
                    "{ ... }"},
            {"cameras: ( 1 );", ":1: cameras[0]: a group { ... } is expected, not a single value"},
            {"databas: { path = \"x\"; };", ":1: unknown key 'databas', did you mean 'database'?"},
            {"prefix = \"x\";", ":1: unknown key 'prefix', did you mean 'mqtt.prefix'?"},
            {"zebra = 1;", ":1: unknown key 'zebra'"},
            {"\n\ndatabase = 1;", ":3: database: a group { ... } is expected, not a single value"},
            {"defaults: { url = \"x\"; };" CAMERA, ":1: defaults: 'url' belongs to each camera"},
            {"track: { lost = 3; };" CAMERA,
                    ":1: track.lost: a duration, \"500ms\" to \"1m\" is expected, not a whole "
                    "number"},
            {"track: { lost = \"2m\"; };" CAMERA,
                    ":1: track.lost: 2m is out of range, \"500ms\" to \"1m\""},
            {"track: { lost = \"soon\"; };" CAMERA,
                    ":1: track.lost: 'soon' is not a duration, \"500ms\" to \"1m\""},
            {"track: { confirm = 31; };" CAMERA, ":1: track.confirm: 31 is out of range, 1 to 30"},
            {"track: { confirm = 2.5; };" CAMERA,
                    ":1: track.confirm: a whole number, 1 to 30 is expected, not a number"},
            {"track: { confirm = 99999999999; };" CAMERA, ":1: this number is too large"},
            {"track: { confirm = 0x100000001; };" CAMERA, ":1: this number is too large"},
            {"track: { confirm = 5000000000L; };" CAMERA,
                    ":1: track.confirm: 5000000000 is out of range, 1 to 30"},
            {"mqtt: { prefix = \"x\"; };" CAMERA, ":1: mqtt: 'url' is missing"},
            {"mqtt: { url = \"localhost:1883\"; };" CAMERA,
                    ":1: mqtt.url: a broker is written mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"},
            {"mqtt: { url = \"ws://h\"; };" CAMERA,
                    ":1: mqtt.url: ws:// is not supported: a broker is written mqtt://HOST[:PORT] "
                    "or mqtts://HOST[:PORT]"},
            {"mqtt: { url = \"mqtt://h\"; urls = ( \"mqtt://i\" ); };" CAMERA,
                    ":1: mqtt: 'url' or 'urls', not both"},
            {"mqtt: { urls = ( ); };" CAMERA,
                    ":1: mqtt.urls: the list is empty: give one broker or more"},
            {"mqtt: { urls = ( \"mqtt://h\", 5 ); };" CAMERA,
                    ":1: mqtt.urls: a string, \"mqtt://...\", is expected in the list"},
            {"mqtt: { urls = ( \"mqtt://h\", \"mqtt://u:geheim@i\" ); };" CAMERA,
                    ":1: mqtt.urls: brokers of a list share one login: give it as mqtt.username "
                    "and mqtt.password"},
            {"mqtt: { url = \"mqtt://h\"; ca_file = \"/ca\"; };" CAMERA,
                    ":1: mqtt: 'ca_file', 'cert_file' and 'key_file' are for a broker at mqtts://, "
                    "and there is none"},
            {"mqtt: { url = \"mqtts://h\"; key_file = \"/k\"; };" CAMERA,
                    ":1: mqtt: 'cert_file' and 'key_file' belong together: give both or none"},
            {"mqtt: { url = \"mqtt://h\"; version = \"4\"; };" CAMERA,
                    ":1: mqtt.version: '4' is not one of \"auto\", \"5\", \"3.1.1\""},
            {"mqtt: { url = \"mqtt://h/x\"; };" CAMERA,
                    ":1: mqtt.url: nothing comes after mqtt://HOST[:PORT]"},
            {"mqtt: { url = \"mqtt://u@h\"; username = \"v\"; };" CAMERA,
                    ":1: mqtt.username: it stands in mqtt.url too: give it once"},
            {"mqtt: { url = \"mqtt://h\"; password = \"v\"; };" CAMERA,
                    ":1: mqtt: 'password' needs a 'username' (MQTT 3.1.1 allows none without)"},
            {"mqtt: { url = \"mqtt://h\"; prefix = \"a/#\"; };" CAMERA,
                    ":1: mqtt.prefix: a topic contains no space, '+' or '#' and begins with no "
                    "'$'"},
            {"mqtt: { url = \"mqtt://h\"; prefix = \"a//b\"; };" CAMERA,
                    ":1: mqtt.prefix: each level of a topic has a name: a '/' only between two"},
            {"mqtt: { url = \"mqtt://h\"; outbox_size = \"1K\"; };" CAMERA,
                    ":1: mqtt.outbox_size: 1K is out of range, \"64K\" to \"1T\""},
            {"database: { retention = \"59s\"; };" CAMERA,
                    ":1: database.retention: 59s is out of range, \"1m\" to \"36500d\", or \"0s\" "
                    "for no bound"},
            {"database: { max_size = \"1M\"; };" CAMERA,
                    ":1: database.max_size: 1M is out of range, \"16M\" to \"1T\", or \"0\" for no "
                    "bound"},
            {"node = \"a\\nb\";" CAMERA,
                    ":1: node: the value contains a line end or control character"},
            {"node = \"\xff\";" CAMERA, ":1: node: the value is not UTF-8 text"},
            {"database: { path = \"\"; };" CAMERA, ":1: database.path: the value is empty"},
            {"node = \"a\";\nnode = \"b\";", ":2: this key stands twice in its group"},
            {"a = [1, \"x\"];", ":1: an array [ ... ] holds values of one type"},
            {"node = \"a\nb\nc;", ":1: the string that begins here never ends"},
            {"node = \"a\";\n  @include \"other.conf\"\n",
                    ":2: @include is not supported: the configuration is one file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        refused(cases[i].text, cases[i].sentence);
}

static void cameras_urls(void **state)
{
    (void)state;
    static const char *const good[] = {"rtsp://192.0.2.7/stream2", "rtsps://cam:322/x",
            "http://u:p@cam:8080/video?size=1", "https://[fe80::1%25eth0]:443/", "/dev/video0",
            "clips/a b.mp4", "rtsp://u:p@ss@cam/x"};
    static const char *const bad[] = {"ftp://h/x", "file:///x", "rtsp:/h/x", "http:", "rtsp://",
            "rtsp://:554/x", "rtsp://h:99999/", "rtsp://h:x/", "rtsp://h/a b", "",
            "rtsp://u:geheim/nis@h/x", "rtsp://u:geheim nis@h/x", "rtsp://u:geheim?nis@h/x"};
    char text[256];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(text, sizeof(text), "cameras: ({ name = \"a\"; url = \"%s\"; });", good[i]);
        struct conf *c = load(text, 0);
        assert_string_equal(c->cameras[0].url, good[i]);
        assert_null(strstr(c->cameras[0].url_shown, ":p@"));
        conf_free(c);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct conf *c;
        struct err e;
        (void)snprintf(text, sizeof(text), "cameras: ({ name = \"a\"; url = \"%s\"; });", bad[i]);
        if (load_bytes(text, strlen(text), 0, &c, &e) == 0)
            fail_msg("taken: %s", bad[i]);
        assert_null(strstr(e.text, "geheim"));
        assert_null(strstr(e.text, "nis"));
    }
    redact_clear();
}

/* Wherever a password is, and whatever is wrong with it or beside it, no error shows it. */
static void no_error_shows_a_password(void **state)
{
    (void)state;
    static const char *const texts[] = {
            "mqtt: { url = \"mqtt://u:geheim@h:99999\"; };",
            "mqtt: { url = \"mqtt://u:geheim@h/path\"; };",
            "mqtt: { url = \"mqtt://u:geheim%zz@h\"; };",
            "mqtt: { url = \"http://u:geheim@h\"; };",
            "mqtt: { url = \"u:geheim@h\"; };",
            "mqtt: { url = \"mqtt://h\"; username = \"u\"; password = \"geheim\" \"${x}\"; };",
            "mqtt: { url = \"mqtt://h\"; username = \"u\"; password = \"geheim;\n};\n",
            "mqtt: { url = \"mqtt://h\"; username = \"u\"; password = geheim; };",
            "mqtt: { url = \"mqtt://h\"; password = \"geheim\"; };",
            "cameras: ({ name = \"a\"; url = \"rtsp//u:geheim@h\"; fps = 99; });",
            "cameras: ({ name = \"a\"; url = \"rtsp:u:geheim@h\"; });",
            "cameras: ({ name = \"a\"; url = \"xyz://u:geheim@h\"; });",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct conf *c;
        struct err e;
        if (load_bytes(texts[i], strlen(texts[i]), 0, &c, &e) == 0)
            fail_msg("taken: %s", texts[i]);
        if (strstr(e.text, "geheim"))
            fail_msg("%s", e.text);
        redact_clear();
    }
}

static void files_that_are_none(void **state)
{
    (void)state;
    struct conf *c = NULL;
    struct err e;
    char sentence[256];
    assert_int_equal(conf_load("/nonexistent/faced.conf", 0, &c, &e), -ENOENT);
    assert_string_equal(e.text, "cannot open /nonexistent/faced.conf: No such file or directory");
    assert_int_equal(conf_load("/", 0, &c, &e), -EISDIR);
    assert_string_equal(e.text, "/ is a folder, not a configuration file");
    assert_int_equal(conf_load("/", 0, &c, NULL), -EISDIR);
    assert_int_equal(load_bytes("node\0", 5, 0, &c, &e), -EINVAL);
    (void)snprintf(sentence, sizeof(sentence), "%s is not a text file", path);
    assert_string_equal(e.text, sentence);

    char *large = malloc(TEXT_LARGEST + 1);
    memset(large, '\n', TEXT_LARGEST + 1);
    assert_int_equal(load_bytes(large, TEXT_LARGEST + 1, 0, &c, &e), -EFBIG);
    assert_int_equal(load_bytes(large, TEXT_LARGEST, CONF_NO_CAMERAS, &c, &e), 0);
    conf_free(c);
    /* no depth of nesting is too deep for us; for the parser it may be */
    memset(large, '(', TEXT_LARGEST);
    memcpy(large, "cameras = ", 10);
    assert_int_equal(load_bytes(large, TEXT_LARGEST, 0, &c, &e), -EINVAL);
    free(large);
}

static void what_facectl_asks_for(void **state)
{
    (void)state;
    struct conf *c = NULL;
    struct err e;
    assert_int_equal(conf_load("/nonexistent", CONF_NO_FILE | CONF_NO_CAMERAS, &c, &e), 0);
    assert_int_equal(c->n_cameras, 0);
    assert_string_equal(c->database.path, "/var/lib/faced/faced.db");
    conf_free(c);
    assert_int_equal(conf_load("/nonexistent", CONF_NO_FILE, &c, &e), -EINVAL);

    c = load("mqtt = { url = \"mqtt://${file:host}:${file:port}\"; username = \"u\";"
             "password = \"${file:nothere}\"; };"
             "cameras: ({ name = \"a\"; url = \"rtsp://u:${file:x}@h:${env:NOT_SET}/\"; });",
            CONF_NO_SECRETS);
    assert_string_equal(c->mqtt.password, "***");
    assert_string_equal(c->cameras[0].url_shown, "rtsp://u:***@h:***/");
    conf_free(c);
    redact_clear();
}

/* Random bytes, and a good file with random changes: loaded or refused, never the end of us. */
static void survives_anything(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
    print_message("SEED=%u\n", seed);
    static const char good[] =
            "node = \"lobby\"; # a comment\nmqtt: { url = \"mqtt://u:p@h\"; outbox_age = \"3d\"; };"
            "\n/* more */ track = { confirm = 3; lost = \"3s\"; };\ndefaults: { fps = 5.0; };\n"
            "cameras: (\n { name = \"a\"; url = \"rtsp://${env:HOME}@h/\"; fps = 5; },\n"
            " { name = \"b\"; url = \"x\"; loop = true; max_face = 0x20; }\n);\n";
    static const char letters[] = "\"{}()[];:=,#/*@$\\%&\n \t.-+0123456789eExXLabcdefz_\x80\xff";
    int taken = 0;
    for (int i = 0; i < 2000; i++) {
        char text[1024 + 16];
        size_t n = sizeof(good) - 1;
        if (i % 4 == 0) {
            n = (size_t)rand_r(&seed) % 1024;
            for (size_t k = 0; k < n; k++)
                text[k] = (char)(i % 8 ? letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)]
                                       : rand_r(&seed) & 0xff);
        } else {
            memcpy(text, good, n);
            for (int k = rand_r(&seed) % 4; k >= 0; k--)
                text[(size_t)rand_r(&seed) % n] =
                        letters[(size_t)rand_r(&seed) % (sizeof(letters) - 1)];
        }
        if (i % 16 == 0) {
            memcpy(text + n, "\n@include \"/\"\n", 15);
            n += 15;
        }
        struct conf *c = NULL;
        struct err e;
        if (load_bytes(text, n, 0, &c, &e) == 0) {
            taken++;
            conf_free(c);
        } else {
            assert_true(strlen(e.text) > 0 && !strchr(e.text, '\n'));
        }
    }
    redact_clear();
    print_message("%d of 2000 taken\n", taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(defaults_are_filled_in),
            cmocka_unit_test(values_are_taken),
            cmocka_unit_test(zones_and_masks),
            cmocka_unit_test(environment_names_the_models),
            cmocka_unit_test(several_brokers),
            cmocka_unit_test(the_brokers_url),
            cmocka_unit_test(every_error_is_one_sentence_with_its_place),
            cmocka_unit_test(cameras_urls),
            cmocka_unit_test(no_error_shows_a_password),
            cmocka_unit_test(files_that_are_none),
            cmocka_unit_test(what_facectl_asks_for),
            cmocka_unit_test(survives_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
