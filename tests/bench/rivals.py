"""What else could watch a camera, and the floors below which nobody gets.

A floor is one step alone: taking the packets, decoding key frames, decoding everything, by ffmpeg;
a net's bare forward(), by OpenCV. A rival is what a user would take: Debian's motion, or the
classic script (tests/tools/classic.py).
"""
import json
import os
import shutil
import subprocess
import sys
import time

import cv2
import numpy as np

import house

FFMPEG = ["ffmpeg", "-nostdin", "-loglevel", "error", "-threads", "1", "-rtsp_transport", "tcp"]
FLOORS = {
    "receive": ([], ["-c", "copy"]),
    "key frames": (["-skip_frame", "nokey"], ["-fps_mode", "passthrough"]),
    "decode": ([], ["-fps_mode", "passthrough"]),
}
LEVI_HASSNER = os.path.join(house.BUILD, "bench-models")


def floor(name, url):
    before, after = FLOORS[name]
    return house.Process(FFMPEG + before + ["-i", url, "-an"] + after + ["-f", "null", "-"])


def motion(directory, url):
    """Motion detection alone, at motion's own defaults but the picture's size and rate; nothing is
    written or served. None where it is not installed."""
    if not shutil.which("motion"):
        return None
    conf = os.path.join(directory, "motion.conf")
    with open(conf, "w") as f:
        f.write("daemon off\nsetup_mode off\nlog_level 4\nwebcontrol_port 0\nstream_port 0\n"
                "picture_output off\nmovie_output off\nwidth 1920\nheight 1080\nframerate 25\n"
                f"target_dir {directory}\nnetcam_url {url}\n")
    return house.Process(["motion", "-c", conf], cwd=directory)


def caffe():
    """The two nets of the classic script, of the true layers and sizes with random weights."""
    os.makedirs(LEVI_HASSNER, exist_ok=True)
    for net, seed in (("age", "1"), ("gender", "2")):
        weights = os.path.join(LEVI_HASSNER, f"{net}_net.caffemodel")
        if not os.path.exists(weights):
            subprocess.run([sys.executable, house.tools("make_caffe.py"),
                            os.path.join(house.MODELS, f"{net}_deploy.prototxt"), weights + ".part",
                            seed], check=True)
            os.replace(weights + ".part", weights)


def classic(file, seconds):
    """The classic script on the first seconds of the file: {cpu_s, video_s, pictures, faces}."""
    caffe()
    out = subprocess.run([sys.executable, house.tools("classic.py"), "--json", "--seconds",
                          str(seconds), house.MODELS, LEVI_HASSNER, file], capture_output=True,
                         text=True, check=True).stdout
    return json.loads(out)


# ------------------------------------------------------------- the nets alone ---

NETS = {  # name: (weights, graph, width, height)
    "yunet": ("face_detection_yunet_2023mar.onnx", None, 640, 384),
    "yunet-n": ("yunet_n_640_640.onnx", None, 640, 384),
    "ssd": ("opencv_face_detector_uint8.pb", "opencv_face_detector.pbtxt", 300, 300),
    "xception": ("xception.onnx", None, 112, 112),
    "retail-0013": ("retail-0013.onnx", None, 62, 62),
    "age_net": ("age_net.caffemodel", "age_deploy.prototxt", 227, 227),
    "gender_net": ("gender_net.caffemodel", "gender_deploy.prototxt", 227, 227),
}
# What one look at a face by the default card costs in nets.
VIEWS = ("xception", "xception", "xception", "retail-0013", "retail-0013", "retail-0013")


class Nets:
    """Each net's forward() and nothing else, in one thread."""

    def __init__(self):
        caffe()
        cv2.setNumThreads(1)
        rs = np.random.RandomState(1)
        self.nets, self.ms = {}, {}
        for name, (weights, graph, w, h) in NETS.items():
            folder = LEVI_HASSNER if weights.endswith("caffemodel") else house.MODELS
            files = [os.path.join(folder, weights)]
            if graph:
                files.append(os.path.join(house.MODELS, graph))
            net = cv2.dnn.readNet(*files)
            picture = rs.randint(0, 255, (h, w, 3)).astype(np.uint8)
            net.setInput(cv2.dnn.blobFromImage(picture))
            outputs = net.getUnconnectedOutLayersNames()
            net.forward(outputs)  # the first one allocates
            self.nets[name] = (net, outputs)
            self.ms[name] = []

    def turn(self, names):
        """Each of them once, after another time that warms the caches."""
        for name in names:
            net, outputs = self.nets[name]
            net.forward(outputs)
            begin = time.thread_time()
            net.forward(outputs)
            self.ms[name][-1].append((time.thread_time() - begin) * 1000)

    def begin(self):
        """A round begins: each net once."""
        for ms in self.ms.values():
            ms.append([])
        self.turn(self.nets)

    def median(self):
        """{net: milliseconds in this round}."""
        return {name: float(np.median(ms[-1])) for name, ms in self.ms.items()}

    def all(self):
        """[(net, input, median, p95)] of everything that was measured."""
        rows = []
        for name, ms in self.ms.items():
            every = np.concatenate(ms)
            rows.append((name, f"{NETS[name][2]}x{NETS[name][3]}", float(np.median(every)),
                         float(np.percentile(every, 95))))
        return rows
