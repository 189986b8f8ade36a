#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "base/err.h"

/*
 * The C door to OpenCV's nets; behind it is the only C++ file.
 *
 * No exception passes: a net that cannot be loaded or run is a sentence in struct err and a
 * negative errno, and OpenCV itself prints nothing. OpenCV works in one thread; workers are many
 * instead.
 *
 * Threads: a net belongs to one thread at a time and is never shared. dnn_open() lets in one at a
 * time, because the Caffe importer has crashed when run in two threads.
 */
struct dnn;

/*
 * The kind of file is told by the name: .onnx alone, .pb with a .pbtxt graph, .caffemodel with a
 * .prototxt graph. graph is NULL where there is none.
 */
struct dnn *dnn_open(const char *weights, const char *graph, struct err *e);
void dnn_close(struct dnn *d); /* NULL is fine */

/* How BGR bytes become the input: (x - mean) * scale, mean in the order of the net's channels. */
struct dnn_prep {
    int width, height; /* the picture is stretched to this where it differs */
    float mean[3];
    float scale;
    bool swap_rb; /* the net wants RGB */
};

#define DNN_DIMS    4
#define DNN_OUTPUTS 12

/* Packed floats, the last dimension running fastest. Belongs to the net until its next run. */
struct dnn_output {
    const float *data;
    size_t n; /* floats, the product of dims */
    int n_dims;
    int dims[DNN_DIMS];
};

/*
 * Runs the net on a packed BGR picture. names are those of the wanted outputs, at most
 * DNN_OUTPUTS; a name the net does not have is an error, and so is a result that is not floats.
 */
int dnn_run(struct dnn *d, const uint8_t *bgr, int width, int height, const struct dnn_prep *prep,
        const char *const *names, int n_names, struct dnn_output *ret_outputs, struct err *e);

#ifdef __cplusplus
}
#endif
