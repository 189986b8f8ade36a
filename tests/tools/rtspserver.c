/*
 * rtspserver: files as RTSP cameras on loopback, for tests and the demo. See usage() below.
 *
 * Each client sees the file from its beginning, at its own pace; at its end the server says BYE.
 * Standard output has one line per event, in order and at once, so that a test can wait for it:
 *
 *     ready 34567            the port that was asked for, or the free one that was found
 *     play /door             a client's PLAY was answered
 *     teardown /door         a client said good-bye
 *     gone                   a client's connection has ended
 *
 * It runs until SIGTERM, SIGINT, or, with --parent, until its standard input ends.
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/pbutils/pbutils.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void usage(FILE *to)
{
    fputs("usage: rtspserver [option...] --mount /NAME=FILE[,loss=N...] ...\n"
          "  --mount /NAME=FILE   serve FILE (H.264, H.265 or MJPEG in mp4, mkv, ts, or raw\n"
          "                       .h264/.h265) as rtsp://127.0.0.1:PORT/NAME; repeatable\n"
          "      ,loss=N          leave out every N-th RTP packet\n"
          "      ,start=N         ... but none of the first N (default 0)\n"
          "      ,cut=N           leave out all RTP packets after the first N\n"
          "  --port N             default 0: a free one\n"
          "  --address A          default 127.0.0.1\n"
          "  --user NAME:PASSWORD all mounts want this user\n"
          "  --auth basic|digest  how (default digest)\n"
          "  --cert FILE --key FILE   serve rtsps:// with this certificate\n"
          "  --no-udp             refuse UDP\n"
          "  --parent             end when standard input ends\n",
            to);
}

struct mount {
    char *path, *file;
    const char *payloader; /* with its parser and demuxer, as a pipeline's text */
    int loss, loss_start, cut;
};

static void say(const char *what, const char *path)
{
    printf("%s%s%s\n", what, path ? " " : "", path ? path : "");
    fflush(stdout);
}

G_NORETURN static void die(const char *what, const char *why)
{
    fprintf(stderr, "rtspserver: %s: %s\n", what, why);
    exit(1);
}

/* config-interval=-1: parameter sets before each key frame, so that a change of size arrives. */
static const struct {
    const char *caps, *pipeline;
} payloaders[] = {
        {"video/x-h264", "h264parse ! rtph264pay config-interval=-1 pt=96 name=pay0"},
        {"video/x-h265", "h265parse ! rtph265pay config-interval=-1 pt=96 name=pay0"},
        {"image/jpeg", "jpegparse ! rtpjpegpay pt=26 name=pay0"},
};

static const struct {
    const char *suffix, *demuxer;
} demuxers[] = {
        {".mp4", "qtdemux ! "},
        {".mkv", "matroskademux ! "},
        {".ts", "tsdemux ! "},
        {"", ""},
};

static const char *payloader_for(const char *file)
{
    GError *error = NULL;
    GstDiscoverer *d = gst_discoverer_new(20 * GST_SECOND, &error);
    char *uri = gst_filename_to_uri(file, NULL);
    GstDiscovererInfo *info = d && uri ? gst_discoverer_discover_uri(d, uri, &error) : NULL;
    GList *streams = info ? gst_discoverer_info_get_video_streams(info) : NULL;
    if (!streams)
        die(file, error ? error->message : "no video in it");
    GstCaps *caps = gst_discoverer_stream_info_get_caps(streams->data);
    const char *name = gst_structure_get_name(gst_caps_get_structure(caps, 0));
    const char *found = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(payloaders); i++) {
        if (strcmp(payloaders[i].caps, name) == 0)
            found = payloaders[i].pipeline;
    }
    if (!found)
        die(file, "neither H.264, H.265 nor MJPEG");
    gst_caps_unref(caps);
    gst_discoverer_stream_info_list_free(streams);
    gst_discoverer_info_unref(info);
    g_object_unref(d);
    g_free(uri);
    return found;
}

static char *launch_text(const struct mount *m)
{
    const char *demuxer = "";
    for (size_t i = 0; i < G_N_ELEMENTS(demuxers); i++) {
        if (g_str_has_suffix(m->file, demuxers[i].suffix)) {
            demuxer = demuxers[i].demuxer;
            break;
        }
    }
    char *quoted = g_strescape(m->file, NULL);
    char *text =
            g_strdup_printf("( filesrc location=\"%s\" ! %s%s )", quoted, demuxer, m->payloader);
    g_free(quoted);
    return text;
}

/* Loss: the payloader has numbered the packets before they come here. */
struct loss {
    int every, start, cut, seen;
};

static bool is_lost(struct loss *l)
{
    l->seen++;
    if (l->cut && l->seen > l->cut)
        return true;
    return l->every && l->seen > l->start && l->seen % l->every == 0;
}

static gboolean drop_from_list(GstBuffer **buffer, guint index, gpointer loss)
{
    (void)index;
    if (is_lost(loss))
        gst_clear_buffer(buffer);
    return TRUE;
}

static GstPadProbeReturn lose(GstPad *pad, GstPadProbeInfo *info, gpointer loss)
{
    (void)pad;
    if (info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
        GstBufferList *list = gst_buffer_list_make_writable(info->data);
        gst_buffer_list_foreach(list, drop_from_list, loss);
        info->data = list;
        return GST_PAD_PROBE_OK;
    }
    return is_lost(loss) ? GST_PAD_PROBE_DROP : GST_PAD_PROBE_OK;
}

static void on_media(GstRTSPMediaFactory *factory, GstRTSPMedia *media, gpointer user)
{
    (void)factory;
    const struct mount *m = user;
    if (!m->loss && !m->cut)
        return;
    GstElement *bin = gst_rtsp_media_get_element(media);
    GstElement *pay = gst_bin_get_by_name(GST_BIN(bin), "pay0");
    GstPad *pad = gst_element_get_static_pad(pay, "src");
    struct loss *l = g_new0(struct loss, 1);
    l->every = m->loss;
    l->start = m->loss_start;
    l->cut = m->cut;
    gst_pad_add_probe(
            pad, GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, lose, l, g_free);
    gst_object_unref(pad);
    gst_object_unref(pay);
    gst_object_unref(bin);
}

static void on_play(GstRTSPClient *client, GstRTSPContext *ctx, gpointer user)
{
    (void)client;
    (void)user;
    say("play", ctx->uri ? ctx->uri->abspath : "?");
}

static void on_teardown(GstRTSPClient *client, GstRTSPContext *ctx, gpointer user)
{
    (void)client;
    (void)user;
    say("teardown", ctx->uri ? ctx->uri->abspath : "?");
}

static void on_closed(GstRTSPClient *client, gpointer user)
{
    (void)client;
    (void)user;
    say("gone", NULL);
}

static void on_client(GstRTSPServer *server, GstRTSPClient *client, gpointer user)
{
    (void)server;
    (void)user;
    g_signal_connect(client, "play-request", G_CALLBACK(on_play), NULL);
    g_signal_connect(client, "teardown-request", G_CALLBACK(on_teardown), NULL);
    g_signal_connect(client, "closed", G_CALLBACK(on_closed), NULL);
}

/* /NAME=FILE[,key=value...] */
static struct mount *parse_mount(const char *text)
{
    struct mount *m = g_new0(struct mount, 1);
    char **parts = g_strsplit(text, ",", -1);
    char *equals = parts[0] ? strchr(parts[0], '=') : NULL;
    if (!equals || parts[0][0] != '/')
        die(text, "give --mount /NAME=FILE");
    m->path = g_strndup(parts[0], (gsize)(equals - parts[0]));
    m->file = g_strdup(equals + 1);
    for (int i = 1; parts[i]; i++) {
        if (g_str_has_prefix(parts[i], "loss="))
            m->loss = atoi(parts[i] + 5);
        else if (g_str_has_prefix(parts[i], "start="))
            m->loss_start = atoi(parts[i] + 6);
        else if (g_str_has_prefix(parts[i], "cut="))
            m->cut = atoi(parts[i] + 4);
        else
            die(parts[i], "unknown option of a mount");
    }
    g_strfreev(parts);
    m->payloader = payloader_for(m->file);
    return m;
}

static void add_mount(GstRTSPServer *server, struct mount *m, bool udp, bool locked)
{
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    char *text = launch_text(m);
    gst_rtsp_media_factory_set_launch(factory, text);
    gst_rtsp_media_factory_set_shared(factory, FALSE);
    gst_rtsp_media_factory_set_protocols(factory,
            udp ? GST_RTSP_LOWER_TRANS_TCP | GST_RTSP_LOWER_TRANS_UDP : GST_RTSP_LOWER_TRANS_TCP);
    const char *role = locked ? "user" : "anonymous";
    gst_rtsp_media_factory_add_role(factory, role, GST_RTSP_PERM_MEDIA_FACTORY_ACCESS,
            G_TYPE_BOOLEAN, TRUE, GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, TRUE,
            NULL);
    g_signal_connect(factory, "media-configure", G_CALLBACK(on_media), m);
    gst_rtsp_mount_points_add_factory(mounts, m->path, factory);
    g_object_unref(mounts);
    g_free(text);
}

static GstRTSPToken *token_of(const char *role)
{
    return gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, role, NULL);
}

static void add_auth(
        GstRTSPServer *server, const char *user, const char *how, const char *cert, const char *key)
{
    GstRTSPAuth *auth = gst_rtsp_auth_new();
    if (cert) {
        GError *error = NULL;
        GTlsCertificate *c = g_tls_certificate_new_from_files(cert, key ? key : cert, &error);
        if (!c)
            die(cert, error->message);
        gst_rtsp_auth_set_tls_certificate(auth, c);
    }
    if (user) {
        char **pair = g_strsplit(user, ":", 2);
        GstRTSPToken *token = token_of("user");
        bool basic = how && strcmp(how, "basic") == 0;
        gst_rtsp_auth_set_supported_methods(
                auth, basic ? GST_RTSP_AUTH_BASIC : GST_RTSP_AUTH_DIGEST);
        char *plain = gst_rtsp_auth_make_basic(pair[0], pair[1] ? pair[1] : "");
        gst_rtsp_auth_add_basic(auth, plain, token);
        gst_rtsp_auth_add_digest(auth, pair[0], pair[1] ? pair[1] : "", token);
        gst_rtsp_token_unref(token);
        g_free(plain);
        g_strfreev(pair);
    } else {
        GstRTSPToken *token = token_of("anonymous");
        gst_rtsp_auth_set_default_token(auth, token);
        gst_rtsp_token_unref(token);
    }
    gst_rtsp_server_set_auth(server, auth);
    g_object_unref(auth);
}

static gboolean quit(gpointer loop)
{
    g_main_loop_quit(loop);
    return G_SOURCE_REMOVE;
}

static gboolean parent_ended(GIOChannel *in, GIOCondition condition, gpointer loop)
{
    char byte;
    gsize n;
    (void)condition;
    if (g_io_channel_read_chars(in, &byte, 1, &n, NULL) == G_IO_STATUS_EOF || n == 0)
        g_main_loop_quit(loop);
    return TRUE;
}

int main(int argc, char **argv)
{
    char **mounts = NULL, *address = NULL, *user = NULL, *how = NULL, *cert = NULL, *key = NULL;
    int port = 0;
    gboolean no_udp = FALSE, parent = FALSE, help = FALSE;
    const GOptionEntry entries[] = {
            {"mount", 0, 0, G_OPTION_ARG_STRING_ARRAY, &mounts, NULL, NULL},
            {"port", 0, 0, G_OPTION_ARG_INT, &port, NULL, NULL},
            {"address", 0, 0, G_OPTION_ARG_STRING, &address, NULL, NULL},
            {"user", 0, 0, G_OPTION_ARG_FILENAME, &user, NULL, NULL}, /* bytes */
            {"auth", 0, 0, G_OPTION_ARG_STRING, &how, NULL, NULL},
            {"cert", 0, 0, G_OPTION_ARG_STRING, &cert, NULL, NULL},
            {"key", 0, 0, G_OPTION_ARG_STRING, &key, NULL, NULL},
            {"no-udp", 0, 0, G_OPTION_ARG_NONE, &no_udp, NULL, NULL},
            {"parent", 0, 0, G_OPTION_ARG_NONE, &parent, NULL, NULL},
            {"help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL},
            {0},
    };
    GOptionContext *options = g_option_context_new(NULL);
    g_option_context_set_help_enabled(options, FALSE);
    g_option_context_add_main_entries(options, entries, NULL);
    bool good = g_option_context_parse(options, &argc, &argv, NULL);
    g_option_context_free(options);
    if (help || !good || !mounts || argc > 1) {
        usage(help ? stdout : stderr);
        return help ? 0 : 2;
    }
    gst_init(NULL, NULL);

    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    char service[16];
    (void)snprintf(service, sizeof(service), "%d", port);
    gst_rtsp_server_set_address(server, address ? address : "127.0.0.1");
    gst_rtsp_server_set_service(server, service);
    if (user || cert)
        add_auth(server, user, how, cert, key);
    for (int i = 0; mounts[i]; i++)
        add_mount(server, parse_mount(mounts[i]), !no_udp, user != NULL);
    g_signal_connect(server, "client-connected", G_CALLBACK(on_client), NULL);
    if (gst_rtsp_server_attach(server, NULL) == 0)
        die(service, "this port is taken");
    g_unix_signal_add(SIGTERM, quit, loop);
    g_unix_signal_add(SIGINT, quit, loop);
    if (parent)
        g_io_add_watch(g_io_channel_unix_new(0), G_IO_IN | G_IO_HUP, parent_ended, loop);
    printf("ready %d\n", gst_rtsp_server_get_bound_port(server));
    fflush(stdout);
    g_main_loop_run(loop);
    return 0;
}
