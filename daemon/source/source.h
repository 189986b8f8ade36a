#pragma once

#include "base/beat.h"
#include "base/err.h"
#include "base/stop.h"
#include "flow/settings.h"
#include "source/fault.h"
#include "source/stream.h"

/*
 * Video from wherever it comes - RTSP, RTSPS, HTTP, a file, a webcam - as one stream of packets.
 *
 * Every call that may block has a deadline and hears a stop within a fifth of a second; the one
 * exception is the name server, which nobody can interrupt, and while it is asked the heartbeat
 * says so. Closing says good-bye to the camera (TEARDOWN), with a deadline of its own.
 *
 *     src = source_open(cam, NULL, stop, beat, &fault, &e);
 *     dec = decoder_open(source_stream(src), &fault, &e);
 *     while ((fault = source_read(src, &packet, &e)) == SOURCE_OK) {
 *         fault = decoder_push(dec, &packet, &e);
 *         while ((frame = decoder_pull(dec)))
 *             ...
 *     }
 *
 * A file is read at its own speed with pace "real", as fast as the caller takes it with "max"; at
 * its end comes SOURCE_EOF, and a source that is to begin anew is opened anew. An HTTP source of
 * known length counts as a file. A live source never ends in good order: a camera that hangs up
 * is SOURCE_BROKEN.
 *
 * Threads: a source and its decoder belong to the thread that opened them, which has only these
 * two: signs of damage are found by thread (source/avlog.h). source_log_init() comes before the
 * first.
 */
struct source;

struct source_limits {
    int open_ms;  /* until the camera plays */
    int info_ms;  /* looking for the kind of video, where the camera does not say it */
    int read_ms;  /* from packet to packet */
    int close_ms; /* saying good-bye */
};
extern const struct source_limits source_limits_usual; /* 10 s, 10 s, 10 s, 0.5 s */

/* libav's log lines become ours; once, before the first thread. */
void source_log_init(void);

/*
 * cam, stop and beat are kept until source_close(); limits NULL: the usual ones; beat NULL: none.
 * NULL on failure, with the reason and a sentence that names the source and the way out, never a
 * password.
 */
struct source *source_open(const struct conf_camera *cam, const struct source_limits *limits,
        struct stop *stop, struct beat *beat, enum source_fault *ret_fault, struct err *e);
void source_close(struct source *s); /* NULL is fine */

/*
 * The next packet of the video, after waiting for its time if it is paced. Anything but SOURCE_OK
 * is final: flush the decoder and close. e has a sentence then, also for SOURCE_EOF; with
 * SOURCE_BROKEN a quick new try is worth it (the codec changed, the camera hung up).
 */
enum source_fault source_read(struct source *s, struct packet *ret_packet, struct err *e);

const struct stream *source_stream(const struct source *s);

/* Fills its part of *info. */
void source_info(const struct source *s, struct stream_info *info);
