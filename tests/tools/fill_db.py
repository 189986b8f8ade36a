"""Fills a database of faced with four weeks of people who never were: fill(path, cameras).

A shop's days: open from nine to eight, busiest at noon and after work, closed on Sundays. The same
seed gives the same people.
"""
import random
import sqlite3
import time

RANGES = ("0-2", "4-6", "8-12", "15-20", "25-32", "38-43", "48-53", "60-100")
SHARES = (1, 2, 4, 12, 30, 24, 16, 11)
YEARS = (1.4, 5.1, 9.8, 18.0, 28.6, 40.2, 50.3, 64.9)
HOURS = (9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19)
BUSY = (2, 3, 5, 8, 7, 4, 4, 6, 9, 8, 4)
QUARTER = 900 * 1000000


def person(rng, i, start_us, camera):
    age = rng.choices(range(8), SHARES)[0]
    known_age, known_gender = rng.random() < 0.86, rng.random() < 0.82 and age > 1
    stay = int(rng.lognormvariate(2.6, 0.8) * 1e6)
    return {"id": f"0{start_us // 1000:011x}-7000-9000-{i:012d}"[:8] + "-" +
                  f"{start_us // 1000 & 0xffff:04x}-7000-9000-{i:012d}",
            "seq": i, "node": "test", "camera": camera, "start_us": start_us,
            "last_us": start_us + stay, "end_reason": "left",
            "age_years": round(YEARS[age] + rng.uniform(-2, 2), 1) if known_age else None,
            "age_range": RANGES[age] if known_age else None,
            "age_probability": round(rng.uniform(0.45, 0.9), 3) if known_age else None,
            "age_unknown": None if known_age else rng.choice(("too_small", "blurred")),
            "gender": rng.choice(("male", "female", "female")) if known_gender else None,
            "gender_probability": round(rng.uniform(0.81, 0.99), 3) if known_gender else None,
            "gender_unknown": None if known_gender else rng.choice(("profile", "low_confidence")),
            "samples": rng.randrange(1, 9), "score": round(rng.uniform(0.8, 0.95), 3),
            "box_x": 0.4, "box_y": 0.3, "box_w": 0.06, "box_h": 0.11,
            "width_px": rng.randrange(40, 120), "detector": "yunet", "attributes": "xception"}


def people(rng, cameras, now):
    today = time.localtime(now)
    i = 0
    for back in range(28, -1, -1):
        day = time.struct_time((today.tm_year, today.tm_mon, today.tm_mday - back, 0, 0, 0, 0, 0, -1))
        midnight = time.mktime(day)
        if time.localtime(midnight).tm_wday == 6:
            continue
        for _ in range(int(rng.gauss(90, 15) * (1.15 if back < 7 else 1))):
            hour = rng.choices(HOURS, BUSY)[0]
            start = midnight + hour * 3600 + rng.uniform(0, 3600)
            if start < now - 600:
                i += 1
                yield person(rng, i, int(start * 1e6), rng.choice(cameras))


def fill(path, cameras, seed=7):
    db = sqlite3.connect(path)
    rows = list(people(random.Random(seed), cameras, time.time()))
    keys = list(rows[0])
    db.executemany(f"INSERT INTO record({', '.join(keys)}) VALUES ({', '.join('?' * len(keys))})",
                   [list(r.values()) for r in rows])
    db.execute("UPDATE meta SET next_seq = ?", (len(rows) + 1,))
    db.execute(f"INSERT INTO quarters SELECT start_us - start_us % {QUARTER}, camera,"
               " coalesce(age_range, ''), coalesce(gender, ''), count(*), sum(last_us - start_us)"
               " FROM record WHERE end_reason IS NOT NULL GROUP BY 1, 2, 3, 4")
    db.commit()
    db.close()
    return len(rows)
