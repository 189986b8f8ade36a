#!/usr/bin/python3
"""The classic script, written out: three nets on every picture of a video.

    classic.py [--json] [--seconds N] MODELS LEVI_HASSNER VIDEO

An SSD finds the faces in each picture; each face, with 20 pixels around it, goes through the age
net and the gender net of Levi and Hassner. MODELS has the detector and the two prototxt files,
LEVI_HASSNER their weights (make_caffe.py makes some of the right size). It is what faced is
compared with: nothing is skipped, followed or remembered. Says what it cost.
"""
import argparse
import json
import os
import time

import cv2

MEAN = (78.4263377603, 87.7689143744, 114.895847746)
AGES = "0-2 4-6 8-12 15-20 25-32 38-43 48-53 60-100".split()
GENDERS = ("male", "female")
PADDING = 20


def find_faces(net, picture, threshold=0.7):
    height, width = picture.shape[:2]
    net.setInput(cv2.dnn.blobFromImage(picture, 1.0, (300, 300), (104, 117, 123), True, False))
    for found in net.forward()[0, 0]:
        if found[2] > threshold:
            yield [int(v) for v in found[3:7] * (width, height, width, height)]


def estimate(nets, picture, box):
    x1, y1, x2, y2 = box
    face = picture[max(0, y1 - PADDING):min(y2 + PADDING, picture.shape[0] - 1),
                   max(0, x1 - PADDING):min(x2 + PADDING, picture.shape[1] - 1)]
    if face.size == 0:
        return None
    blob = cv2.dnn.blobFromImage(face, 1.0, (227, 227), MEAN, swapRB=False)
    answers = []
    for net, words in zip(nets, (AGES, GENDERS)):
        net.setInput(blob)
        answers.append(words[net.forward()[0].argmax()])
    return answers


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--json", action="store_true")
    p.add_argument("--seconds", type=float, default=1e9)
    p.add_argument("models")
    p.add_argument("levi_hassner")
    p.add_argument("video")
    args = p.parse_args()
    detector = cv2.dnn.readNet(os.path.join(args.models, "opencv_face_detector_uint8.pb"),
                               os.path.join(args.models, "opencv_face_detector.pbtxt"))
    nets = [cv2.dnn.readNet(os.path.join(args.levi_hassner, f"{n}_net.caffemodel"),
                            os.path.join(args.models, f"{n}_deploy.prototxt"))
            for n in ("age", "gender")]
    video = cv2.VideoCapture(args.video)
    fps = video.get(cv2.CAP_PROP_FPS) or 25
    begin = time.process_time()
    pictures = faces = 0
    while pictures < args.seconds * fps:
        there, picture = video.read()
        if not there:
            break
        pictures += 1
        for box in find_faces(detector, picture):
            if estimate(nets, picture, box):
                faces += 1
    result = {"cpu_s": time.process_time() - begin, "video_s": pictures / fps,
              "pictures": pictures, "faces": faces}
    print(json.dumps(result) if args.json else
          "{pictures} pictures, {faces} faces, {cpu_s:.1f} s of CPU for {video_s:.1f} s of video"
          .format(**result))


if __name__ == "__main__":
    main()
