"""make models: fetching, against a server on loopback that stands for upstream, and conversion."""
import hashlib
import http.server
import json
import os
import re
import shutil
import subprocess
import threading

import numpy
import pytest

import house

MODELS = os.path.join(house.TOP, "models")
FETCHED = os.path.join(os.path.dirname(house.MODELS), "fetched", "models")
CONTENT = bytes(range(256)) * 1200  # more than fits the socket's buffers at once


class Upstream(http.server.ThreadingHTTPServer):
    """Serves `files`; `cut` ends connections early, as many bytes as its items say, in turn."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.cut, self.asked = {}, [], []
        self.ranges, self.status, self.length = True, 200, True
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        wish = self.headers.get("Range")
        self.server.asked.append((self.path, wish))
        body = self.server.files.get(self.path)
        if body is None or self.server.status != 200:
            self.send_error(404 if body is None else self.server.status)
            return
        start = int(re.match(r"bytes=(\d+)-$", wish).group(1)) if wish else 0
        if start and start >= len(body):
            self.send_error(416)
            return
        if wish and self.server.ranges:
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            body = body[start:]
        else:
            self.send_response(200)
        if self.server.length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:self.server.cut.pop(0)] if self.server.cut else body)


class Place:
    """A catalogue, an upstream and a result folder, all of one test's own."""

    def __init__(self, path):
        self.path, self.lines, self.upstream = path, [], Upstream()
        self.out = path / "out"

    def add(self, name, content, kind="media", git=False, size=None):
        """A file that upstream has and the catalogue describes; returns its path upstream."""
        digest = hashlib.sha256(content).hexdigest()
        if git:
            digest = "gitblob:" + hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        where = f"/owner/repo/0123/{name}"
        self.lines.append("\t".join((name, kind, str(size or len(content)), digest, "MIT",
                                     "https://raw.githubusercontent.com" + where)))
        self.upstream.files[where] = content
        return where

    def fetch(self, *args, mirror="", upstream=None, env=()):
        catalogue = self.path / "catalogue"
        catalogue.write_text("# name\tkind\n" + "\n".join(self.lines) + "\n")
        environment = {**os.environ, "FACED_MIRROR": str(mirror),
                       "FACED_UPSTREAM": upstream or self.upstream.url, **dict(env)}
        return subprocess.run(["/usr/bin/python3", os.path.join(MODELS, "fetch.py"), "--catalogue",
                               str(catalogue), *args, str(self.out)], env=environment, text=True,
                              capture_output=True, timeout=house.PATIENCE)

    def files(self):
        return sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*") if p.is_file())


@pytest.fixture
def place(tmp_path):
    p = Place(tmp_path)
    yield p
    p.upstream.shutdown()
    p.upstream.server_close()


def one_sentence(result, code, *words):
    assert result.returncode == code, result.stderr
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_files_come_from_upstream_once(place):
    place.add("media/a", CONTENT)
    place.add("models/b", b"net", kind="model")
    place.add("models/large", b"large", kind="optional", git=True, size="-")
    assert place.fetch().returncode == 0
    assert place.files() == ["fetched/models/b", "media/a"]
    assert (place.out / "media/a").read_bytes() == CONTENT
    asked = len(place.upstream.asked)
    again = place.fetch()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert len(place.upstream.asked) == asked


def test_kinds_and_names_are_chosen(place):
    place.add("media/a", b"a")
    place.add("media/b", b"b")
    place.add("pictures/c", b"c", kind="picture")
    place.add("models/large", b"large", kind="optional", git=True, size="-")
    assert place.fetch("--kind", "picture").returncode == 0
    assert place.files() == ["pictures/c"]
    assert place.fetch("--only", "media/b", "--kind", "optional").returncode == 0
    assert place.files() == ["fetched/models/large", "media/b", "pictures/c"]
    one_sentence(place.fetch("--only", "media/x"), 1, "media/x")


def test_connection_that_breaks_is_continued_at_once(place):
    where = place.add("media/a", CONTENT)
    place.upstream.cut = [1000, 5000]
    assert place.fetch().returncode == 0
    assert (place.out / "media/a").read_bytes() == CONTENT
    assert place.upstream.asked == [(where, None), (where, "bytes=1000-"), (where, "bytes=6000-")]
    assert place.files() == ["media/a"]


def test_what_an_interrupted_run_left_is_continued(place):
    where = place.add("media/a", CONTENT)
    place.upstream.cut = [3000, 0]
    one_sentence(place.fetch(), 1, "3000", "media/a.part", "again")
    assert place.files() == ["media/a.part"]
    place.upstream.asked.clear()
    assert place.fetch().returncode == 0
    assert place.upstream.asked == [(where, "bytes=3000-")]
    assert (place.out / "media/a").read_bytes() == CONTENT


@pytest.mark.parametrize("size", ["-", None])
@pytest.mark.parametrize("length", [True, False])
def test_server_without_ranges_or_length(place, size, length):
    place.add("media/a", CONTENT, git=size is not None, size=size)
    place.upstream.ranges, place.upstream.length = False, length
    (place.out / "media").mkdir(parents=True)
    (place.out / "media/a.part").write_bytes(CONTENT[:777])
    assert place.fetch().returncode == 0
    assert (place.out / "media/a").read_bytes() == CONTENT


PARTS = {"other": b"something else", "wrong": CONTENT[:-1] + b"?", "long": CONTENT + b"more",
         "whole": CONTENT}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_no_beginning_is_replaced(place, part):
    place.add("media/a", CONTENT)
    (place.out / "media").mkdir(parents=True)
    (place.out / "media/a.part").write_bytes(PARTS[part])
    assert place.fetch().returncode == 0
    assert (place.out / "media/a").read_bytes() == CONTENT
    assert place.files() == ["media/a"]


WRONG = {"value": CONTENT[:-1] + b"?", "short": CONTENT[:-1], "long": CONTENT + b"?", "empty": b""}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_content_is_thrown_away(place, wrong):
    where = place.add("media/a", CONTENT)
    place.add("media/b", b"b")
    place.upstream.files[where] = WRONG[wrong]
    one_sentence(place.fetch(), 1, "media/a", "thrown away", "FACED_MIRROR")
    assert place.files() == ["media/b"]


def test_damaged_file_is_replaced(place):
    place.add("media/a", CONTENT)
    (place.out / "media").mkdir(parents=True)
    (place.out / "media/a").write_bytes(b"damaged")
    one_sentence(place.fetch(), 0, "media/a", "thrown away")
    assert (place.out / "media/a").read_bytes() == CONTENT


def test_missing_upstream_does_not_hold_up_the_rest(place):
    where = place.add("media/a", CONTENT)
    place.add("media/b", b"b")
    del place.upstream.files[where]
    one_sentence(place.fetch(), 1, "media/a", "404", "FACED_MIRROR", str(place.out / "media/a"))
    assert place.files() == ["media/b"]


def test_no_server_has_a_status_of_its_own(place):
    place.add("media/a", CONTENT)
    place.add("media/b", b"b")
    nobody = f"http://127.0.0.1:{house.free_port()}"
    one_sentence(place.fetch(upstream=nobody), 69, "media/a (and 1 more)", "refused",
                 "FACED_MIRROR")
    assert place.files() == []


def test_server_in_trouble_counts_as_none(place):
    place.add("media/a", CONTENT)
    place.upstream.status = 503
    one_sentence(place.fetch(), 69, "503")


def test_proxies_do_not_stand_before_loopback(place):
    place.add("media/a", CONTENT)
    nobody = f"http://127.0.0.1:{house.free_port()}"
    env = {"http_proxy": nobody, "HTTP_PROXY": nobody, "no_proxy": "", "NO_PROXY": ""}
    assert place.fetch(env=env).returncode == 0


def test_mirror_comes_first_and_upstream_fills_its_gaps(place):
    inside = place.add("media/a", CONTENT)
    outside = place.add("media/b", b"b")
    mirror = place.path / "mirror"
    (mirror / "media").mkdir(parents=True)
    (mirror / "media/a").write_bytes(CONTENT)
    assert place.fetch(mirror=mirror).returncode == 0
    assert [path for path, _ in place.upstream.asked] == [outside] != [inside]
    assert place.files() == ["media/a", "media/b"]


def test_wrong_file_in_a_mirror_is_refused_and_left_there(place):
    place.add("media/a", CONTENT)
    mirror = place.path / "mirror"
    (mirror / "media").mkdir(parents=True)
    (mirror / "media/a").write_bytes(b"other")
    one_sentence(place.fetch(mirror=mirror), 1, str(mirror / "media/a"), "catalogue")
    assert place.files() == []
    assert (mirror / "media/a").read_bytes() == b"other"
    one_sentence(place.fetch(mirror=place.path / "none"), 1, "FACED_MIRROR", "not a folder")


def test_broken_catalogue_is_named(place):
    place.lines.append("media/a\tmedia\t12")
    one_sentence(place.fetch(), 1, "catalogue:2")


def test_projects_catalogue_is_whole():
    with open(os.path.join(MODELS, "catalogue"), encoding="utf-8") as file:
        entries = [line.rstrip("\n").split("\t") for line in file if not line.startswith("#")]
    assert len({entry[0] for entry in entries}) == len(entries) > 30
    for name, kind, size, digest, licence, url in entries:
        assert name.split("/")[0] in ("models", "media", "pictures") and ".." not in name
        assert kind in ("model", "media", "picture", "optional") and licence
        assert re.fullmatch(r"[0-9a-f]{64}|gitblob:[0-9a-f]{40}", digest)
        assert size.isdigit() or (size == "-" and digest.startswith("gitblob:"))
        assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/.", url)


# Conversion. xception comes from the first pair, retail-0013 from the second.
SOURCES = {
    "xception": ("age_gender_model-weights_manifest.json", "age_gender_model-shard1"),
    "retail-0013": ("age-gender-recognition-retail-0013.xml",
                    "age-gender-recognition-retail-0013.bin"),
}
each_net = pytest.mark.parametrize("net", SOURCES)


def convert(net, first, second, out):
    return subprocess.run(["/usr/bin/python3", os.path.join(MODELS, "convert.py"), net, str(first),
                           str(second), str(out)], text=True, capture_output=True,
                          timeout=house.PATIENCE)


def sources(net):
    return [os.path.join(FETCHED, name) for name in SOURCES[net]]


@pytest.mark.models
@each_net
def test_conversion_gives_the_same_bytes_again(net, tmp_path):
    results = []
    for out in (tmp_path / "one", tmp_path / "two"):
        done = convert(net, *sources(net), out)
        assert done.returncode == 0, done.stderr
        results.append(out.read_bytes())
        assert done.stdout == f"{hashlib.sha256(out.read_bytes()).hexdigest()}  {out}\n"
    with open(os.path.join(house.MODELS, net + ".onnx"), "rb") as ready:
        assert results[0] == results[1] == ready.read()
    assert str(tmp_path).encode() not in results[0]


@pytest.mark.models
@each_net
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("damage", ["empty", "half", "byte_short", "text", "missing"])
def test_wrong_input_is_refused(net, which, damage, tmp_path):
    files = []
    for i, source in enumerate(sources(net)):
        copy = tmp_path / os.path.basename(source)
        shutil.copyfile(source, copy)
        whole = copy.read_bytes()
        if i == which and damage == "missing":
            copy.unlink()
        elif i == which:
            copy.write_bytes({"empty": b"", "half": whole[:len(whole) // 2],
                              "byte_short": whole.rstrip()[:-1], "text": b"hello\n"}[damage])
        files.append(copy)
    out = tmp_path / "out.onnx"
    one_sentence(convert(net, *files, out), 1, files[which].name, "make models")
    assert not out.exists()


@pytest.mark.models
def test_other_networks_are_refused(tmp_path):
    manifest, shard = tmp_path / "manifest", tmp_path / "shard"
    manifest.write_text(json.dumps([{"weights": [
        {"name": "entry_flow/conv_in/filters", "shape": [2], "dtype": "float32"}]}]))
    shard.write_bytes(b"\0" * 8)
    one_sentence(convert("xception", manifest, shard, tmp_path / "o"), 1, "entry_flow/conv_in")
    text = (open(sources("retail-0013")[0], encoding="utf-8").read())
    for old, new in (("type=\"SoftMax\"", "type=\"Swish\""), ("1,3,62,62", "1,3,64,64"),
                     ("rounding_type=\"ceil\"", "rounding_type=\"floor\""),
                     ("levels=\"255\"", "levels=\"16\"")):
        other = tmp_path / "other.xml"
        other.write_text(text.replace(old, new))
        result = convert("retail-0013", other, sources("retail-0013")[1], tmp_path / "o")
        one_sentence(result, 1, "other.xml")


@pytest.mark.models
def test_make_models_does_only_what_is_not_done(tmp_path):
    build, mirror, out = os.path.dirname(house.MODELS), tmp_path / "mirror", tmp_path / "out"
    mirror.mkdir()
    for name, source in (("models", FETCHED), ("media", f"{build}/media"),
                         ("pictures", f"{build}/pictures")):
        (mirror / name).symlink_to(os.path.abspath(source))

    def make(**env):
        env = {**os.environ, "FACED_MIRROR": str(mirror), **env}
        return subprocess.run(["sh", os.path.join(MODELS, "make-models.sh"), str(out)], env=env,
                              text=True, capture_output=True, timeout=house.PATIENCE)

    first = make()
    assert first.returncode == 0, first.stderr
    made = {p.name: p.read_bytes() for p in (out / "models").iterdir()}
    assert {"xception.onnx", "retail-0013.onnx", "yunet_n_640_640.onnx"} <= set(made)
    again = make()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (out / "models/xception.onnx").write_bytes(b"damaged")
    (out / "models/yunet_n_640_640.onnx").unlink()
    (out / "fetched/models/age_deploy.prototxt").unlink()
    nobody = f"http://127.0.0.1:{house.free_port()}"
    third = make(FACED_MIRROR="", FACED_UPSTREAM=nobody)
    one_sentence(third, 69, "age_deploy.prototxt")
    assert "xception" in third.stdout and "retail" not in third.stdout
    assert {p.name: p.read_bytes() for p in (out / "models").iterdir()} == made


def tensors():
    manifest, shard = sources("xception")
    with open(shard, "rb") as file:
        blob = file.read()
    at, found = 0, {}
    for entry in json.load(open(manifest, encoding="utf-8"))[0]["weights"]:
        packed, count = entry.get("quantization"), int(numpy.prod(entry["shape"]))
        kind = numpy.dtype("u1" if packed else "<f4")
        values = numpy.frombuffer(blob, kind, count, at).astype(float)
        at += count * kind.itemsize
        if packed:
            values = values * packed["scale"] + packed["min"]
        found[entry["name"]] = values.reshape(entry["shape"])
    return found


class TensorFlow:
    """TinyXception as face-api.js writes it, in plain arithmetic: height, width, channels."""

    def __init__(self):
        self.t = tensors()

    @staticmethod
    def windows(x, kernel, stride, fill=0.0):
        """What each element of the kernel sees, with TensorFlow's SAME padding."""
        out = -(-x.shape[0] // stride)
        total = max((out - 1) * stride + kernel - x.shape[0], 0)
        edge = (total // 2, total - total // 2)
        x = numpy.pad(x, (edge, edge, (0, 0)), constant_values=fill)
        last = (out - 1) * stride + 1
        return {(i, j): x[i:i + last:stride, j:j + last:stride]
                for i in range(kernel) for j in range(kernel)}

    def conv(self, x, name, stride):
        f = self.t[name + "/filters"]
        seen = self.windows(x, f.shape[0], stride)
        return sum(w @ f[at] for at, w in seen.items()) + self.t[name + "/bias"]

    def separable(self, x, name):
        f = self.t[name + "/depthwise_filter"]
        deep = sum(w * f[at][:, 0] for at, w in self.windows(x, 3, 1).items())
        return deep @ self.t[name + "/pointwise_filter"][0, 0] + self.t[name + "/bias"]

    def block(self, x, name, count, first_relu=True):
        for i in range(count):
            x = self.separable(numpy.maximum(x, 0) if i or first_relu else x,
                               f"{name}/separable_conv{i}")
        return x

    def reduction(self, x, name, first_relu=True):
        y = self.block(x, name, 2, first_relu)
        y = numpy.max(list(self.windows(y, 3, 2, -numpy.inf).values()), axis=0)
        return y + self.conv(x, name + "/expansion_conv", 2)

    def run(self, x):
        x = numpy.maximum(self.conv(x, "entry_flow/conv_in", 2), 0)
        x = self.reduction(x, "entry_flow/reduction_block_0", first_relu=False)
        x = self.reduction(x, "entry_flow/reduction_block_1")
        for name in ("middle_flow/main_block_0", "middle_flow/main_block_1"):
            x = x + self.block(x, name, 3)
        x = self.reduction(x, "exit_flow/reduction_block")
        x = numpy.maximum(self.separable(x, "exit_flow/separable_conv"), 0).mean(axis=(0, 1))
        age, logits = (x @ self.t[f"fc/{head}/weights"] + self.t[f"fc/{head}/bias"]
                       for head in ("age", "gender"))
        return age[0], numpy.exp(logits) / numpy.exp(logits).sum()


def face(picture, box, scale, size):
    """The square of `scale` times the box's longer side around its centre, black beyond."""
    import cv2
    x, y, w, h = box
    side = scale * max(w, h)
    m = numpy.array([[size / side, 0, size / 2 - (x + w / 2) * size / side],
                     [0, size / side, size / 2 - (y + h / 2) * size / side]])
    return cv2.warpAffine(cv2.imread(picture), m, (size, size))


# Picture, YuNet's box, is it a man.
PICTURES = [("girl1.jpg", (180, 260, 108, 144), False), ("girl2.jpg", (322, 84, 99, 128), False),
            ("man1.jpg", (295, 69, 172, 230), True), ("man2.jpg", (405, 201, 160, 220), True)]


def faces():
    folder = os.path.join(os.path.dirname(house.MODELS), "pictures")
    return [(os.path.join(folder, name), box, man) for name, box, man in PICTURES]


@pytest.mark.models
def test_xception_computes_what_tensorflow_would():
    import cv2
    net = cv2.dnn.readNetFromONNX(os.path.join(house.MODELS, "xception.onnx"))
    mean, reference = (122.782, 117.001, 104.298), TensorFlow()
    for picture, box, _ in faces():
        crop = face(picture, box, 0.9, 112)
        net.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, (112, 112), mean, swapRB=True))
        age, gender = net.forward(["age", "gender"])
        assert age.shape == (1, 1) and gender.shape == (1, 2)
        years, probabilities = reference.run((crop[:, :, ::-1] - numpy.array(mean)) / 255)
        assert abs(age[0, 0] - years) < 1e-2
        assert abs(gender[0] - probabilities).max() < 1e-4


@pytest.mark.models
@each_net
def test_converted_nets_know_men_from_women(net):
    import cv2
    dnn = cv2.dnn.readNetFromONNX(os.path.join(house.MODELS, net + ".onnx"))
    for picture, box, man in faces():
        if net == "xception":
            blob = cv2.dnn.blobFromImage(face(picture, box, 0.9, 112), 1 / 255, (112, 112),
                                         (122.782, 117.001, 104.298), swapRB=True)
        else:
            blob = cv2.dnn.blobFromImage(face(picture, box, 0.9, 62))
        dnn.setInput(blob)
        age, gender = dnn.forward(["age", "gender"])
        years = age[0, 0] if net == "xception" else 100 * age[0, 0]
        male = gender[0, 0] if net == "xception" else gender[0, 1]
        assert abs(gender.sum() - 1) < 1e-5
        assert (male > 0.5) == man, picture
        assert 5 < years < 90, picture


@pytest.mark.models
@pytest.mark.parametrize("net", ["age", "gender"])
def test_random_caffe_model_has_the_layers_of_the_prototxt(net, tmp_path):
    import cv2
    prototxt = os.path.join(FETCHED, net + "_deploy.prototxt")
    tool = os.path.join(house.TOP, "tests", "tools", "make_caffe.py")
    blobs = []
    for seed in ("1", "1", "2"):
        out = tmp_path / f"{net}{len(blobs)}.caffemodel"
        subprocess.run(["/usr/bin/python3", tool, prototxt, str(out), seed], check=True)
        blobs.append(out.read_bytes())
    assert blobs[0] == blobs[1] != blobs[2]
    dnn = cv2.dnn.readNetFromCaffe(prototxt, str(tmp_path / f"{net}0.caffemodel"))
    answers = []
    for picture, *_ in faces():
        mean = (78.4263377603, 87.7689143744, 114.895847746)
        dnn.setInput(cv2.dnn.blobFromImage(cv2.imread(picture), 1.0, (227, 227), mean))
        answers.append(dnn.forward()[0])
    assert answers[0].shape == ((8,) if net == "age" else (2,))
    assert numpy.ptp(answers, axis=0).max() > 0.1  # not the same to all
    assert all(0.02 < numpy.max(a) < 0.9999 for a in answers)


# ---- facectl models --fetch


def fetch_model(name, directory, **env):
    conf = os.path.join(directory, "f.conf")
    with open(conf, "w") as f:
        f.write(f'models: {{ dir = "{directory}/models"; }};\n')
    return subprocess.run([house.tool("facectl"), "models", "-c", conf, "--fetch", name],
                          capture_output=True, text=True, timeout=house.PATIENCE,
                          env={**os.environ, "FACED_FETCH": "", "FACED_MODELS": "", **env})


@pytest.mark.models
@pytest.mark.parametrize("name", ["yunet-n", "ssd", "retail-0013", "xception", "combined"])
def test_facectl_brings_a_model(tmp_path, name):
    """Into an empty folder, from a mirror with what `make models` fetched."""
    mirror = os.path.dirname(FETCHED)
    r = fetch_model(name, str(tmp_path), FACED_MIRROR=mirror)
    assert r.returncode == 0, r.stderr
    card = json.load(open(tmp_path / "models" / f"{name}.card.json"))
    for file in card["files"]:
        data = open(tmp_path / "models" / file["name"], "rb").read()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]
    members = len({v["model"] for v in card.get("views", [])})  # a card and a net each
    assert len(os.listdir(tmp_path / "models")) == 1 + len(card["files"]) + 2 * members, "nothing else"


def test_the_scripts_are_found_where_the_program_is_installed(tmp_path):
    """models.dir may be anywhere."""
    for d in ("usr/bin", "usr/share/faced/fetch", "elsewhere"):
        os.makedirs(tmp_path / d)
    program = tmp_path / "usr/bin/facectl"
    shutil.copy(os.path.realpath(house.tool("facectl")), program)
    conf = tmp_path / "f.conf"
    conf.write_text("")

    def fetch(**env):
        return subprocess.run([program, "models", "-c", conf, "--fetch", "some"],
                              capture_output=True, text=True, timeout=house.PATIENCE,
                              env={**os.environ, "FACED_FETCH": "",
                                   "FACED_MODELS": str(tmp_path / "elsewhere"), **env})
    for env in ({}, {"FACED_FETCH": str(tmp_path)}):
        r = fetch(**env)
        assert r.returncode == 1 and len(r.stderr.splitlines()) == 1, r.stderr
        assert "there is no fetch-model.sh in" in r.stderr and "FACED_FETCH" in r.stderr
    script = tmp_path / "usr/share/faced/fetch/fetch-model.sh"
    script.write_text('echo "brings $1 into $2"\n')
    r = fetch()
    assert r.returncode == 0 and r.stdout == f"brings some into {tmp_path}/elsewhere\n"


def test_facectl_says_why_it_cannot(tmp_path):
    r = fetch_model("nonesuch", str(tmp_path))
    assert r.returncode == 1 and "there is no model 'nonesuch': combined levi-hassner" in r.stderr
    r = fetch_model("yunet", str(tmp_path), PYTHON="/usr/bin/no-python")
    assert r.returncode == 1 and "install python3; the package faced-models brings" in r.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    r = fetch_model("yunet", str(tmp_path), FACED_MIRROR=str(empty),
                    FACED_UPSTREAM="http://127.0.0.1:1")
    assert r.returncode in (1, 69) and "fetch:" in r.stderr
    assert os.listdir(tmp_path / "models") == []
