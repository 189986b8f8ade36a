#!/usr/bin/python3
"""Turn two published networks into ONNX files that OpenCV 4.6 loads.

usage: convert.py xception MANIFEST SHARD OUT       face-api.js's age_gender_model
       convert.py retail-0013 XML BIN OUT           Intel's age-gender-recognition-retail-0013, INT8

Same input, same bytes: nothing of the day or of the machine goes into the file, because a model
card carries the sum of the converted file. Prints that sum. Both results have one input and two
outputs; what a value means is said by the card and, in short, here:

  net          input `data`                       `age` [1,1]      `gender` [1,2], softmax
  xception     1x3x112x112, RGB, (x - mean)/255   years            male, female
  retail-0013  1x3x62x62, BGR, 0..255             years / 100      female, male

The mean of xception, 122.782 117.001 104.298 (red, green, blue), and its division are left to the
caller, who converts the picture anyway.

Sources: weights/age_gender_model and src/xception/TinyXception.ts, src/ageGenderNet of
justadudewhohacks/face-api.js; the OpenVINO IR specification, version 10, for the second.
"""
import hashlib
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

try:
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    sys.exit(f"convert: python3 module '{error.name}' is missing: 'make deps' installs it "
             "(Debian: python3-onnx, python3-numpy)")

OPSET = 11  # the newest that OpenCV 4.6 reads completely
IR_VERSION = 6  # the file format of that opset's time
VERSION = "1"  # rises when the bytes of a result change


class Refused(Exception):
    """The input is not what it should be; the text is for a person."""


class Graph:
    """Builds an ONNX graph layer by layer; a layer is known by the name of its output."""

    def __init__(self):
        self.nodes = []
        self.weights = []

    def weight(self, name, array):
        array = numpy.ascontiguousarray(array, dtype="<f4")
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def add(self, kind, name, inputs, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, x, filters, bias=None, stride=1, pads=(0, 0, 0, 0), group=1):
        inputs = [x, self.weight(name + ".w", filters)]
        if bias is not None:
            inputs.append(self.weight(name + ".b", bias))
        return self.add("Conv", name, inputs, kernel_shape=list(filters.shape[2:]),
                        strides=[stride, stride], pads=list(pads), group=group)

    def max_pool(self, name, x, pads):
        return self.add("MaxPool", name, [x], kernel_shape=[3, 3], strides=[2, 2], pads=list(pads))

    def model(self, name, size, document):
        outputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, width])
                   for n, width in (("age", 1), ("gender", 2))]
        data = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, size, size])
        graph = helper.make_graph(self.nodes, name, [data], outputs, self.weights)
        model = helper.make_model(graph, producer_name="faced", producer_version=VERSION,
                                  opset_imports=[helper.make_opsetid("", OPSET)],
                                  doc_string=document)
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model)
        return model.SerializeToString()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


# TensorFlow.js: a manifest that names the tensors in the order in which the shard holds them.


def tfjs_tensors(manifest_path, shard_path):
    try:
        groups = json.loads(read(manifest_path))
        entries = [entry for group in groups for entry in group["weights"]]
        names = [(entry["name"], tuple(entry["shape"])) for entry in entries]
    except (ValueError, KeyError, TypeError):
        raise Refused(f"{manifest_path}: not a TensorFlow.js weights manifest") from None
    shard = read(shard_path)
    tensors = {}
    at = 0
    for entry, (name, shape) in zip(entries, names):
        count = int(numpy.prod(shape))
        packed = entry.get("quantization")
        kind = numpy.dtype("<f4" if packed is None else "u1")
        if at + count * kind.itemsize > len(shard):
            raise Refused(f"{shard_path}: truncated, it ends at byte {len(shard)} within '{name}'")
        values = numpy.frombuffer(shard, kind, count, at).reshape(shape)
        at += count * kind.itemsize
        if packed is not None:
            values = values.astype(numpy.float64) * packed["scale"] + packed["min"]
        tensors[name] = values
    if at != len(shard):
        raise Refused(f"{shard_path}: {len(shard)} bytes where the manifest describes {at}")
    return tensors


# TensorFlow's SAME for a kernel of 3 at stride 2 on an even size: one pixel, and it is at the end.
SAME_STRIDE_2 = (0, 0, 1, 1)


class Xception:
    """The layers of face-api.js's TinyXception, with that file's names of the tensors."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.graph = Graph()

    def tensor(self, name, shape):
        if name not in self.tensors:
            raise Refused(f"the manifest has no tensor '{name}': not age_gender_model")
        if len(self.tensors[name].shape) != len(shape):
            raise Refused(f"tensor '{name}' has the shape {self.tensors[name].shape}")
        return self.tensors[name].transpose(shape)

    def filters(self, name):  # height, width, in, out -> out, in, height, width
        return self.tensor(name, (3, 2, 0, 1))

    def bias(self, name):
        return self.tensor(name + "/bias", (0,))

    def relu(self, x):
        return self.graph.add("Relu", x + "+relu", [x])

    def separable(self, name, x):
        deep = self.tensor(name + "/depthwise_filter", (2, 3, 0, 1))
        x = self.graph.conv(name + "/depthwise", x, deep, pads=(1, 1, 1, 1), group=deep.shape[0])
        return self.graph.conv(name, x, self.filters(name + "/pointwise_filter"), self.bias(name))

    def reduction(self, name, x, first_relu=True):
        y = self.separable(name + "/separable_conv0", self.relu(x) if first_relu else x)
        y = self.separable(name + "/separable_conv1", self.relu(y))
        y = self.graph.max_pool(name + "/pool", y, SAME_STRIDE_2)
        expansion = name + "/expansion_conv"
        x = self.graph.conv(expansion, x, self.filters(expansion + "/filters"),
                            self.bias(expansion), stride=2)
        return self.graph.add("Add", name, [y, x])

    def main(self, name, x):
        y = x
        for i in range(3):
            y = self.separable(f"{name}/separable_conv{i}", self.relu(y))
        return self.graph.add("Add", name, [y, x])

    def head(self, name, x):
        # A convolution of 1x1 and not Gemm, which OpenCV 4.6 refuses with a single output.
        weights = self.tensor(f"fc/{name}/weights", (1, 0))[:, :, None, None]
        return self.graph.conv(f"fc/{name}", x, weights, self.bias(f"fc/{name}"))

    def model(self):
        name = "entry_flow/conv_in"
        x = self.graph.conv(name, "data", self.filters(name + "/filters"), self.bias(name),
                            stride=2, pads=SAME_STRIDE_2)
        x = self.reduction("entry_flow/reduction_block_0", self.relu(x), first_relu=False)
        x = self.reduction("entry_flow/reduction_block_1", x)
        x = self.main("middle_flow/main_block_0", x)
        x = self.main("middle_flow/main_block_1", x)
        x = self.reduction("exit_flow/reduction_block", x)
        x = self.relu(self.separable("exit_flow/separable_conv", x))
        x = self.graph.add("GlobalAveragePool", "pool", [x])
        self.graph.add("Flatten", "age", [self.head("age", x)], axis=1)
        gender = self.graph.add("Flatten", "fc/gender/flat", [self.head("gender", x)], axis=1)
        self.graph.add("Softmax", "gender", [gender], axis=1)
        return self.graph.model("xception", 112, "face-api.js age_gender_model, MIT licence")


# OpenVINO IR: layers and edges in XML, constants in one binary file.


class Retail:
    """Walks the IR in its order, which is that of the data, folding what is constant.

    `values` holds what a layer gives: an array where it is constant, else the name of a node.
    FakeQuantize of a constant is the dequantisation of weights; of an activation it only models
    what integer arithmetic would lose, and is left out.
    """

    SHAPE = (1, 3, 62, 62)
    OUTPUTS = {"age_conv3": "age", "prob": "gender"}

    def __init__(self, xml_path, bin_path):
        self.bin_path = bin_path
        self.blob = read(bin_path)
        self.graph = Graph()
        self.values = {}
        self.convs = {}  # name -> what Graph.conv takes, until its bias is known
        self.found = set()
        try:
            net = ElementTree.fromstring(read(xml_path))
            self.layers = list(net.find("layers"))
            self.inputs = {}
            for edge in net.find("edges"):
                ports = self.inputs.setdefault(edge.get("to-layer"), {})
                ports[int(edge.get("to-port"))] = edge.get("from-layer")
        except (ElementTree.ParseError, TypeError, ValueError):
            raise Refused(f"{xml_path}: truncated or not an OpenVINO IR") from None
        self.xml_path = xml_path

    def model(self):
        for layer in self.layers:
            kind, data = layer.get("type"), layer.find("data")
            inputs = self.inputs.get(layer.get("id"), {})
            step = getattr(self, "on_" + str(kind).lower(), None)
            if step is None:
                raise Refused(f"{self.xml_path}: unexpected layer type '{kind}'")
            try:
                arguments = [self.values[inputs[port]] for port in sorted(inputs)]
                value = step(layer.get("name"), {} if data is None else data.attrib, *arguments)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError):
                raise Refused(f"{self.xml_path}: layer '{layer.get('name')}' is not as in "
                              "age-gender-recognition-retail-0013") from None
            self.values[layer.get("id")] = value
        if len(self.found) != len(self.OUTPUTS):
            raise Refused(f"{self.xml_path}: not age-gender-recognition-retail-0013")
        return self.graph.model("retail-0013", 62, "Intel Open Model Zoo age-gender-recognition-"
                                "retail-0013 dequantised from INT8, Apache-2.0")

    def on_parameter(self, _name, data):
        if data["shape"] != ",".join(map(str, self.SHAPE)):
            raise ValueError
        return "data"

    def on_const(self, name, data):
        offset, size = int(data["offset"]), int(data["size"])
        if offset + size > len(self.blob):
            raise Refused(f"{self.bin_path}: truncated, it ends at byte {len(self.blob)} "
                          f"within '{name}'")
        kind = {"f16": "<f2", "u8": "u1"}[data["element_type"]]
        shape = [int(n) for n in data["shape"].split(",") if n]
        values = numpy.frombuffer(self.blob, kind, size // numpy.dtype(kind).itemsize, offset)
        return values.reshape(shape).astype(numpy.float64)

    def on_convert(self, _name, _data, x):
        return x

    def on_fakequantize(self, _name, data, x, in_low, in_high, out_low, out_high):
        if isinstance(x, str):
            return x
        if int(data["levels"]) != in_high - in_low + 1:
            raise ValueError
        return out_low + (x - in_low) / (in_high - in_low) * (out_high - out_low)

    def on_convolution(self, name, data, x, filters):
        pads = [int(n) for n in (data["pads_begin"] + "," + data["pads_end"]).split(",")]
        if data["strides"] != "1,1" or data["dilations"] != "1,1":
            raise ValueError
        self.convs[name] = (x, filters, pads)
        return name

    def on_add(self, name, _data, conv, bias):
        x, filters, pads = self.convs.pop(conv)
        return self.graph.conv(name, x, filters, bias.reshape(-1), pads=pads)

    def on_maxpool(self, name, data, x):
        # Sizes are even here: the size rounded up is one more pixel at the end.
        expected = ("3,3", "2,2", "0,0", "0,0", "ceil")
        keys = ("kernel", "strides", "pads_begin", "pads_end", "rounding_type")
        if tuple(data[key] for key in keys) != expected:
            raise ValueError
        return self.graph.max_pool(name, x, SAME_STRIDE_2)

    def on_relu(self, name, _data, x):
        return self.graph.add("Relu", name, [x])

    def on_softmax(self, name, _data, x):
        return self.graph.add("Softmax", name, [x], axis=1)

    def on_result(self, _name, _data, x):
        self.found.add(self.OUTPUTS[x])
        return self.graph.add("Flatten", self.OUTPUTS[x], [x], axis=1)


CONVERTERS = {
    "xception": lambda manifest, shard: Xception(tfjs_tensors(manifest, shard)).model(),
    "retail-0013": lambda xml, blob: Retail(xml, blob).model(),
}


def main(argv):
    if len(argv) != 5 or argv[1] not in CONVERTERS:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    out = argv[4]
    try:
        content = CONVERTERS[argv[1]](argv[2], argv[3])
        with open(out + ".new", "wb") as file:
            file.write(content)
        os.replace(out + ".new", out)
    except Refused as refused:
        print(f"convert: {refused}: 'make models' brings the right file", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"convert: cannot write {out}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{hashlib.sha256(content).hexdigest()}  {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
