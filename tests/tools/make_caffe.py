#!/usr/bin/python3
"""Write a Caffe model of a prototxt's layers and sizes with random weights.

usage: make_caffe.py PROTOTXT OUT SEED

The Levi-Hassner weights are two files of 45 MB that a test cannot carry. What a test needs of them
is their architecture: same layers, same sizes, answers that differ from picture to picture. Weights
are normal with a variance of GAIN / fan-in, so that activations keep their size through the
rectifiers (He et al. 2015), and the weights of one output sum to zero, since otherwise the
rectifiers' positive mean would decide the answer and all pictures would get the same. The first
layer is scaled by the spread of pixel values, the last one so that the softmax is neither
saturated nor uniform. Same seed, same bytes.

The file is a NetParameter of caffe.proto in its old form (`layers`, V1LayerParameter), as the
published weights are: NetParameter.layers = 2; V1LayerParameter.name = 4, .type = 5, .blobs = 6;
BlobProto.num, channels, height, width = 1..4, .data = 5 (packed floats).
"""
import re
import sys

import numpy

TYPES = {"CONVOLUTION": 4, "INNER_PRODUCT": 14}
GAIN = 2.93  # 1 / variance of max(x, 0) for a normal x of variance 1
PIXEL_SPREAD = 60.0  # standard deviation of a photograph's values around the mean that is taken off
LOGIT_SPREAD = 0.7  # softmax of logits spread so far: a clear favourite, none at 0 or 1


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, payload):
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def blob(array):
    shape = (1,) * (4 - array.ndim) + array.shape
    dims = b"".join(field(i + 1, n) for i, n in enumerate(shape))
    return field(6, dims + field(5, array.astype("<f4").tobytes()))


def layers_of(text):
    """The prototxt's layers in order, each as a dictionary of its scalar fields."""
    for chunk in re.split(r"^layers\s*{", text, flags=re.M)[1:]:
        yield dict((k, v.strip('"')) for k, v in re.findall(r'(\w+):\s*("[^"]*"|[\w.]+)', chunk))


def model(text, seed):
    rng = numpy.random.RandomState(seed)
    dims = [int(n) for n in re.findall(r"^input_dim:\s*(\d+)", text, flags=re.M)]
    if len(dims) != 4:
        raise ValueError("it does not name four input_dim")
    channels, size = dims[1], dims[2]
    flat = False
    layers = list(layers_of(text))
    weighted = [l["name"] for l in layers if l.get("type") in TYPES]
    if not weighted:
        raise ValueError("it has no layer with weights")
    out = field(1, b"random")
    for layer in layers:
        kind = layer.get("type")
        kernel, stride = int(layer.get("kernel_size", 1)), int(layer.get("stride", 1))
        if kind == "POOLING":
            size = -(-(size - kernel) // stride) + 1  # Caffe rounds a pool's size up
        if kind not in TYPES:
            continue
        outputs = int(layer["num_output"])
        if kind == "CONVOLUTION":
            shape = (outputs, channels, kernel, kernel)
            size = (size + 2 * int(layer.get("pad", 0)) - kernel) // stride + 1
        else:
            shape = (outputs, channels if flat else channels * size * size)
            flat = True
        channels = outputs
        spread = numpy.sqrt(GAIN / numpy.prod(shape[1:]))
        if layer["name"] == weighted[0]:
            spread /= PIXEL_SPREAD
        if layer["name"] == weighted[-1]:
            spread *= LOGIT_SPREAD
        weights = rng.standard_normal(shape)
        weights = (weights - weights.mean(axis=tuple(range(1, len(shape))), keepdims=True)) * spread
        bias = rng.standard_normal(outputs) * 0.05
        out += field(2, field(4, layer["name"].encode()) + field(5, TYPES[kind]) +
                     blob(weights) + blob(bias))
    return out


def main(argv):
    if len(argv) != 4 or not argv[3].isdigit():
        print("usage: make_caffe.py PROTOTXT OUT SEED", file=sys.stderr)
        return 2
    try:
        with open(argv[1], encoding="ascii") as prototxt:
            content = model(prototxt.read(), int(argv[3]))
        with open(argv[2], "wb") as out:
            out.write(content)
    except (OSError, ValueError, KeyError) as error:
        print(f"make_caffe: {argv[1]}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
