#include "source/fault.h"

#include "base/redact.h"
#include "flow/frame.h"

#include <errno.h>
#include <libavutil/error.h>
#include <stdio.h>

static const char *const names[SOURCE_FAULT_COUNT] = {
        [SOURCE_OK] = "ok",
        [SOURCE_STOPPED] = "stopped",
        [SOURCE_EOF] = "ended",
        [SOURCE_REFUSED] = "refused",
        [SOURCE_UNREACHABLE] = "unreachable",
        [SOURCE_TIMEOUT] = "timeout",
        [SOURCE_AUTH] = "auth",
        [SOURCE_NOT_FOUND] = "not_found",
        [SOURCE_NO_VIDEO] = "no_video",
        [SOURCE_TOO_LARGE] = "too_large",
        [SOURCE_BROKEN] = "broken",
        [SOURCE_UNUSABLE] = "unusable",
};

const char *source_fault_name(enum source_fault fault)
{
    return names[fault];
}

static const struct {
    int code;
    enum source_fault fault;
} codes[] = {
        {0, SOURCE_OK},
        {AVERROR_EOF, SOURCE_EOF},
        {AVERROR_EXIT, SOURCE_STOPPED},
        {AVERROR(ECONNREFUSED), SOURCE_REFUSED},
        {AVERROR_HTTP_BAD_REQUEST, SOURCE_REFUSED},
        {AVERROR_HTTP_OTHER_4XX, SOURCE_REFUSED},
        {AVERROR_HTTP_SERVER_ERROR, SOURCE_REFUSED},
        {AVERROR(EPROTONOSUPPORT), SOURCE_REFUSED},
        {AVERROR(EHOSTUNREACH), SOURCE_UNREACHABLE},
        {AVERROR(ENETUNREACH), SOURCE_UNREACHABLE},
        {AVERROR(EHOSTDOWN), SOURCE_UNREACHABLE},
        {AVERROR(EADDRNOTAVAIL), SOURCE_UNREACHABLE},
        {AVERROR(ENODEV), SOURCE_UNREACHABLE},
        {AVERROR(ENXIO), SOURCE_UNREACHABLE},
        {AVERROR(ETIMEDOUT), SOURCE_TIMEOUT},
        {AVERROR_HTTP_UNAUTHORIZED, SOURCE_AUTH},
        {AVERROR_HTTP_FORBIDDEN, SOURCE_AUTH},
        {AVERROR_HTTP_NOT_FOUND, SOURCE_NOT_FOUND},
        {AVERROR(ENOENT), SOURCE_NOT_FOUND},
        {AVERROR_STREAM_NOT_FOUND, SOURCE_NO_VIDEO},
        {AVERROR_PROTOCOL_NOT_FOUND, SOURCE_UNUSABLE},
        {AVERROR(EACCES), SOURCE_UNUSABLE},
};

enum source_fault fault_of(int averror)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (codes[i].code == averror)
            return codes[i].fault;
    }
    return averror > 0 ? SOURCE_OK : SOURCE_BROKEN;
}

static const char *refused(const struct fault_at *at)
{
    switch (at->averror) {
    case AVERROR_HTTP_BAD_REQUEST: return "refused the request (400); is the address right?";
    case AVERROR(EPROTONOSUPPORT):
        return "refused this transport; set the camera's transport to the other of tcp and udp";
    case AVERROR_HTTP_OTHER_4XX:
        return "refused the request; does it have too many viewers at once?";
    case AVERROR_HTTP_SERVER_ERROR:
        return "answered with an error of its own (5xx); it may need a restart";
    default: return "refused the connection; is it switched on, and is the port right?";
    }
}

static const char *broken(const struct fault_at *at)
{
    if (!at->network)
        return at->opening ? "cannot be read as a video; it is damaged, incomplete or of a kind "
                             "that FFmpeg does not know"
                           : "is damaged here; the rest cannot be read";
    if (at->averror == AVERROR_EOF || at->averror == AVERROR(ECONNRESET))
        return at->opening ? "hung up before it sent a video; is this its video port?"
                           : "the camera ended the stream";
    return at->opening ? "sends no video that can be understood; try the address with ffprobe"
                       : "the connection broke";
}

static const char *sentence(enum source_fault fault, const struct fault_at *at)
{
    switch (fault) {
    case SOURCE_STOPPED: return "stopped";
    case SOURCE_EOF: return "has ended";
    case SOURCE_REFUSED: return refused(at);
    case SOURCE_UNREACHABLE:
        return at->network ? "cannot be reached; check its name, its address and the network"
                           : "no such device; is the webcam plugged in?";
    case SOURCE_AUTH:
        return at->averror == AVERROR_HTTP_FORBIDDEN
                       ? "refuses this user (403); check the user's rights in the camera"
                       : "wrong user name or password (401); check them in the camera's url";
    case SOURCE_NOT_FOUND:
        return at->network ? "no such stream (404); check the path after the host"
                           : "no such file; check the path";
    case SOURCE_NO_VIDEO: return "no video stream in it; choose another stream of this source";
    case SOURCE_TOO_LARGE:
        return "its picture is larger than " FRAME_MAX_WORDS "; choose a smaller stream";
    case SOURCE_UNUSABLE:
        if (at->averror == AVERROR(EACCES) && at->network)
            return "sends its viewers on to another host or port, where nobody follows it; give "
                   "that address as its url";
        return at->averror == AVERROR(EACCES)
                       ? "may not be read by this user; check its permissions"
                       : "leads to a kind of address that is not allowed for this source";
    default: return broken(at);
    }
}

enum source_fault fault_explain(enum source_fault fault, const struct fault_at *at, struct err *e)
{
    int code = at->averror < 0 ? at->averror : -EIO;
    char shown[160], detail[160];
    redact_text(shown, sizeof(shown), at->shown);
    redact_text(detail, sizeof(detail), at->detail ? at->detail : "");
    if (fault == SOURCE_TIMEOUT && at->timeout_ms > 0) {
        err_set(e, code, "%.120s: %s %g s; %s", shown,
                at->opening ? "does not answer within" : "has sent nothing for",
                at->timeout_ms / 1000.0,
                at->network ? "check the camera and the network" : "check the device");
        return fault;
    }
    const char *text = fault == SOURCE_TIMEOUT ? "does not answer; check the camera and the network"
                                               : sentence(fault, at);
    if (fault == SOURCE_BROKEN && at->opening && detail[0])
        err_set(e, code, "%.100s: %s (%.60s)", shown, text, detail);
    else
        err_set(e, code, "%.120s: %s", shown, text);
    return fault;
}
