#pragma once

#include <stdbool.h>
#include <stdint.h>

struct AVCodecParameters;
struct AVPacket;

/*
 * What travels between a source and its decoder, as plain values, so that whoever stands between
 * them - a gate that saves decoding - can look at it.
 */

/* A video stream, for the one who decodes it. The pointer lives as long as the source. */
struct stream {
    const struct AVCodecParameters *codec;
    int time_num, time_den; /* the unit of a packet's timestamps in seconds */
    double fps;             /* nominal; 0: not known */
    int64_t duration_us;    /* of a file; 0: not known */
    bool live;              /* times are those of arrival; a gap in the timestamps means loss */
    bool prompt;            /* each packet is sent when it is made: one that is old has waited */
    int64_t mono_us;        /* when it was opened, by both clocks */
    int64_t wall_us;
};

/* A packet, normally one picture. It belongs to the source and lives until its next read. */
struct packet {
    struct AVPacket *av;
    int64_t time_us;  /* live: arrival; file: when it is due, by the monotonic clock */
    int size;         /* bytes */
    bool key;         /* can be decoded without the ones before it */
    bool damaged;     /* something of it, or between it and the one before, was lost */
    int64_t stamp_us; /* the stream's own time in the order of decoding; INT64_MIN: not known */
};

/* What a person wants to know of a stream: of `facectl probe` and the status. */
struct stream_info {
    /* filled by source_info() */
    char codec[32];   /* "h264" */
    double fps;       /* measured while live, nominal for a file; 0: not known yet */
    int gop;          /* packets from one key frame to the next, the latest; 0: not known yet */
    bool unverified;  /* encrypted, but libav does not check who is at the other end */
    uint64_t packets; /* of the video stream */
    uint64_t bytes;
    /* filled by decoder_info() */
    int width, height; /* 0: nothing was decoded yet */
    char pixel_format[32];
    char decoder[64];     /* "software", or the hardware by the name it was asked for */
    uint64_t frames;      /* decoded */
    uint64_t withheld;    /* of these not given out, for they may be damaged */
    uint64_t damages;     /* losses that began such a wait for a key frame */
    uint64_t bad_packets; /* packets that the decoder refused */
};
