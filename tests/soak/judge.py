"""Has anything grown? By the samples' slope over the second half of the run."""

import statistics

# What may not grow, and by how much of its own level in the time of the whole second half: noise
# moves a slope a little either way.
BOUNDED = {"rss_mb": 0.06, "children_mb": 0.10, "descriptors": 0.05, "threads": 0.05,
           "processes": 0.05, "database_mb": 0.25}


def line(sample):
    return ", ".join(f"{k} {v:g}" for k, v in sample.items() if isinstance(v, (int, float)))


def slope(xs, ys):
    """By the median of the slopes between points far apart (Theil and Sen, 1968): a value that is
    away for a while does not bend it."""
    n = len(xs) // 2
    found = [(ys[i + n] - ys[i]) / (xs[i + n] - xs[i]) for i in range(len(xs) - n)]
    return statistics.median(found)


def growth(samples):
    half = samples[len(samples) // 2:]
    xs = [s["s"] for s in half]
    answers = []
    for name, share in BOUNDED.items():
        ys = [s[name] for s in half]
        level = statistics.median(ys)
        grown = slope(xs, ys) * (xs[-1] - xs[0])
        text = (f"{min(s[name] for s in samples):.4g} to {max(s[name] for s in samples):.4g}, "
                f"in the second half {grown:+.2g} on {level:.4g}")
        answers.append((f"{name.replace('_', ' ')} does not grow", text,
                        grown <= max(share * level, 1)))
    return answers
