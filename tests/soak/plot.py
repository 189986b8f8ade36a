"""The samples of a run as curves, one above the other, in an SVG of our own."""

CURVES = (("rss_mb", "daemon, MB resident"), ("children_mb", "cameras' processes, MB"),
          ("descriptors", "descriptors"), ("threads", "threads"), ("processes", "processes"),
          ("database_mb", "database, MB"), ("outbox", "messages waiting"),
          ("latency_ms", "from sending to the subscriber, ms"))
WIDTH, HEIGHT, LEFT, GAP = 860, 60, 250, 22


def path(samples, name, top, y):
    longest = samples[-1]["s"] or 1
    points = [(LEFT + (WIDTH - LEFT - 60) * s["s"] / longest, y + HEIGHT * (1 - s[name] / top))
              for s in samples if s.get(name) is not None]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in points)


def draw(samples, file):
    rows = []
    for i, (name, title) in enumerate(CURVES):
        values = [s[name] for s in samples if s.get(name) is not None]
        if not values:
            continue
        top, y = max(max(values), 1) * 1.1, GAP + i * (HEIGHT + GAP)
        rows.append(
            f'<text x="{LEFT - 12}" y="{y + HEIGHT / 2}" text-anchor="end">{title}</text>'
            f'<text x="{WIDTH - 54}" y="{y + HEIGHT / 2}">{min(values):.4g} to {max(values):.4g}</text>'
            f'<line x1="{LEFT}" y1="{y + HEIGHT}" x2="{WIDTH - 60}" y2="{y + HEIGHT}" stroke="#bbb"/>'
            f'<polyline points="{path(samples, name, top, y)}" fill="none" stroke="#25c"/>')
    height = GAP + len(CURVES) * (HEIGHT + GAP) + 20
    rows.append(f'<text x="{LEFT}" y="{height - 8}">0</text><text x="{WIDTH - 60}" y="{height - 8}" '
                f'text-anchor="end">{samples[-1]["s"] / 60:.0f} minutes</text>')
    with open(file, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 40} {height}" '
                'font-family="sans-serif" font-size="13" fill="#333">'
                f'<rect width="100%" height="100%" fill="white"/>{"".join(rows)}</svg>\n')
