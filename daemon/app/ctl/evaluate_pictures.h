#pragma once

#include <stdbool.h>

struct conf;

/*
 * facectl evaluate MANIFEST...: each labelled picture goes the way of `facectl image`, and what is
 * said of the face is counted (app/tally.h). Or, with Levi and Hassner's protocol, an aligned
 * picture is a face as a whole.
 */
enum protocol {
    PROTOCOL_OPEN, /* as suits the files and the model */
    PROTOCOL_DETECT,
    PROTOCOL_PAPER,
};

struct evaluate_options {
    int n_files;
    char **files;
    char *models;     /* NULL: the configuration's */
    double certainty; /* 0: the configuration's */
    char *pictures;
    enum protocol protocol;
    bool oversample, faces, json;
};

/* Writes over conf what the options say instead. Returns the exit code. */
int evaluate_pictures(struct conf *conf, const struct evaluate_options *options);
