#pragma once

#include "app/session.h"
#include "flow/change.h"
#include "flow/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the daemon and the process that decodes one camera say to each other, one message a
 * datagram (SOCK_SEQPACKET): pictures, and what the process may know, lie in shared memory
 * (app/sandbox/shelf.h); all that the daemon hears travels here, and so is copied by the kernel
 * before anybody looks at it.
 *
 * The daemon takes the other side for an enemy's: wire_receive() hands out only what
 * wire_is_sound(). A message that is not ends the session.
 *
 * Threads: several may send on one socket, one receives.
 */
enum wire_kind {
    /* from the daemon */
    WIRE_STOP = 1, /* the session shall end */
    WIRE_REACHED,  /* with a socket, or the reason why not */
    /* from the process */
    WIRE_READY,
    WIRE_REACH, /* connect me */
    WIRE_UDP,   /* a socket for datagrams */
    WIRE_SEND,  /* one of these */
    WIRE_BEAT,
    WIRE_LOG,
    WIRE_OPENED,
    WIRE_ONLINE,
    WIRE_PICTURE,
    WIRE_STOCK,
    WIRE_END,
};

#define WIRE_BUFFERS  6 /* places for pictures on the shelf */
#define WIRE_TEXT     512
#define WIRE_DATAGRAM 1500

struct wire_reach {
    char host[256];
    int32_t port;
};

struct wire_udp {
    int32_t family;
};

struct wire_send {
    int32_t from, to; /* ports: our socket's, the camera's */
    uint32_t n;
    uint8_t data[WIRE_DATAGRAM];
};

struct wire_reached {
    int32_t error; /* errno; 0: a connected socket comes along */
};

struct wire_ready {
    bool seccomp;
    int32_t landlock;
};

/* Once in a while, from a thread that does nothing else: how the one that decodes fares. */
struct wire_beat {
    int32_t state; /* enum beat_state */
    int32_t age_ms;
};

struct wire_log {
    int32_t level;
    char topic[16];
    char text[1024];
};

struct wire_online {
    char format[64];
    bool unverified;
};

struct wire_picture {
    int32_t place; /* on the shelf */
    int32_t how;   /* enum session_give */
    struct packed packed;
    int64_t still_us;
    int32_t cols, rows, block;
    int64_t at_us[CHANGE_SIDE * CHANGE_SIDE]; /* only cols * rows of them travel */
};

struct wire_stock {
    struct session_counts counts;
    bool decoded, troubled;
    char decoder[64];
    char trouble[WIRE_TEXT];
};

struct wire_end {
    int32_t fault; /* enum source_fault */
    int32_t code;
    char text[WIRE_TEXT];
};

struct wire_message {
    uint32_t kind;
    union {
        struct wire_reached reached;
        struct wire_ready ready;
        struct wire_reach reach;
        struct wire_udp udp;
        struct wire_send send;
        struct wire_beat beat;
        struct wire_log log;
        struct session_opened opened;
        struct wire_online online;
        struct wire_picture picture;
        struct wire_stock stock;
        struct wire_end end;
    };
};

/* fd: goes along, -1: none. Negative: -EPIPE when nobody is there any more; -EAGAIN for want of
 * room, for which it waits if `wait`. */
int wire_send(int socket, const struct wire_message *m, int fd, bool wait);

/* 0, and *ret_fd is the caller's, or -1; -EAGAIN, -EPIPE: nobody is there any more; -EPROTO: it is
 * not sound. Waits only if `wait`. */
int wire_receive(int socket, bool wait, struct wire_message *ret, int *ret_fd);

/*
 * Is a message of so many bytes one that an honest process could have sent? Texts are cut at their
 * ends and freed of control characters, truth values made one bit.
 */
bool wire_is_sound(struct wire_message *m, size_t size);
