"""Tables: what is printed is also kept, to be written to a file."""
import measure


class Report:
    def __init__(self):
        self.lines = []

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def table(self, heads, rows):
        """The first column to the left, the others to the right; None is -."""
        cells = [[show(v) for v in row] for row in [heads] + rows]
        widths = [max(len(r[i]) for r in cells) for i in range(len(heads))]
        for r in cells:
            self.say("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(r, widths))).rstrip())

    def write(self, path):
        with open(path, "w") as f:
            f.write("\n".join(self.lines) + "\n")


def show(value):
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"
    return str(value)


def percent(share):
    """Of a core."""
    return None if share is None else 100 * share


def ratio(a, b):
    return f"{a / b:.2f}" if a is not None and b else None


def share(part, whole):
    return f"{100 * part / whole:.0f} %" if whole else None


def milliseconds(values):
    """Median, p95 and p99 as three cells."""
    return [measure.percentile(values, q) for q in (0.5, 0.95, 0.99)]


def beside(report, rounds):
    """A row for each stream that faced, the floors and the rivals had at the same time."""
    report.say("What one camera of 1920x1080 at 25 pictures a second costs, in % of one core. All "
               "of a row were\nclients of the same stream over RTSP at the same time; the server "
               "is not counted.\n")
    report.table(
        ["scene", "stream", "Mbit/s", "receive", "key frames", "decode", "motion", "classic",
         "faced"],
        [[r.scene, r.stream, r.mbit] + [percent(r.others.get(k)) for k in
                                        ("receive", "key frames", "decode", "motion")] +
         [percent(r.classic), percent(r.cpu)] for r in rounds])
    report.say("\nWhere faced spends it, in % of one core (cam: taking packets and decoding, "
               "processes\nincluded; infer: detector, tracker, age and gender; rest: store, bus, "
               "main), and in pictures,\nestimates and faces a second.\n")
    report.table(
        ["scene", "stream", "cam", "infer", "rest", "looks", "estimates", "faces", "lost",
         "events", "MB"],
        [[r.scene, r.stream, percent(r.cam), percent(r.infer), percent(r.rest),
          r.got["looks"] / r.seconds, r.got["estimates"] / r.seconds, r.got["faces"] / r.seconds,
          r.got["frames_lost"], r.got["events"], r.got["memory"]] for r in rounds])
    report.say("\nThe ratios, which are what is compared from run to run. Floor: decoding all and "
               "the bare forward()\nof the looks and estimates made; beyond: faced less receiving, "
               "in % of one core.\n")
    report.table(
        ["scene", "stream", "faced/decode", "faced/floor", "faced/motion", "classic/faced",
         "beyond"],
        [[r.scene, r.stream, ratio(r.cpu, r.others.get("decode")), ratio(r.cpu, r.floor),
          ratio(r.cpu, r.others.get("motion")), ratio(r.classic, r.cpu),
          percent(r.cpu - r.others["receive"])] for r in rounds])


def nets(report, rows):
    report.say("A net's forward() alone, milliseconds of one thread; the detector and "
               "the default card's nets\nmeasured during the rounds above, the others between "
               "them.\n")
    report.table(["net", "input", "median ms", "p95 ms"],
                 [[n, size, f"{median:.2f}", f"{p95:.2f}"] for n, size, median, p95 in rows])


def scale(report, runs):
    report.say("The whole daemon on many cameras, each with a person for 4 of 40 s, not all at "
               "once. A decoder\n(ffmpeg) runs beside on one of the streams: a camera's cost by "
               "it does not depend on how busy the\nmachine is. CPU in % of one core; received: "
               "pictures that came of those that were sent; lost: sampled\npictures that a newer "
               "one replaced before a worker had time; unread: kB that waited in sockets;\nothers: "
               "all else on this machine, the bench's broker and reader among it.\n")
    report.table(
        ["cameras", "picture", "a camera", "by decode", "cam", "infer", "all", "server", "others",
         "received", "looks", "lost", "estimates", "unread", "again", "MB", "peak"],
        [[n, size, percent(g["cpu"] / n), ratio(g["cpu"] / n, others.get("decode")),
          percent(g["by_thread"].get("cam", 0) / n), percent(g["by_thread"].get("infer", 0) / n),
          percent(g["cpu"]), percent(others["server"]), percent(others["strangers"]),
          share(g["frames"], 25 * n * g["seconds"]), g["looks"],
          share(g["frames_lost"], g["sampled"]), g["estimates"], g["unread"] / 1000,
          g["reconnects"], g["memory"], g["peak"]]
         for n, size, g, others in runs])
    report.say("\nFrom the arrival of the picture that confirmed a person - the moment at which "
               "faced had read its\npacket - until the message `new` was sent (`published`), in "
               "milliseconds: waiting for a worker, looking,\nestimating, commit. Then from there "
               "through the broker to a subscriber. What waited unread in sockets\ncomes before "
               "and is not in it; of fewer than a hundred messages the p99 is the slowest.\n")
    report.table(
        ["cameras", "picture", "messages", "median", "p95", "p99", "to subscriber", "p95", "p99"],
        [[n, size, len(g["sent_ms"])] + milliseconds(g["sent_ms"]) + milliseconds(g["bus_ms"])
         for n, size, g, _ in runs])
