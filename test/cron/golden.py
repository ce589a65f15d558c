#!/usr/bin/env python3
"""golden.py: make or verify golden.txt, the table of clock changes.

    golden.py > golden.txt      make it
    golden.py --check           compare it with what is computed now; TAP

The table is what next_test.c holds the engine to.  It is computed here by
another program in another language with another reader of zone files (Python's
zoneinfo), minute by minute, from the words of docs/semantics.md:

  - the schedule fires at each instant whose local time matches, or
  - fixed-time: when the highest local time reached so far passes matching ones.

Only past changes are in it, because future ones are not yet history.
"""

import datetime as dt
import os
import sys
import zoneinfo

MINUTE = dt.timedelta(minutes=1)
TODAY = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)

# title, zone, first instant after, number of times, expressions
CASES = [
    ("one hour, Berlin spring", "Europe/Berlin", "2024-03-30T12:00", 5,
     ["30 2 * * *", "0 2,3 * * *", "15,45 2 * * *", "0 3 * * *", "59 1 * * *",
      "*/20 * * * *", "*/30 2 * * *", "0 * * * *", "30 */2 * * *", "0 1-5 * * *"]),
    ("one hour, Berlin autumn", "Europe/Berlin", "2024-10-26T22:00", 7,
     ["30 2 * * *", "0 2,3 * * *", "15,45 2 * * *", "0 3 * * *", "59 1 * * *",
      "*/20 * * * *", "*/30 2 * * *", "0 * * * *", "30 */2 * * *", "0 1-5 * * *"]),
    ("one hour, New York spring", "America/New_York", "2024-03-09T20:00", 4,
     ["30 2 * * *", "30 2 10 3 *", "0 9 * * *", "*/15 2 * * *", "5 2-4 * * *"]),
    ("one hour, New York autumn", "America/New_York", "2024-11-02T20:00", 6,
     ["30 1 * * *", "0 0 * * *", "*/30 * * * *", "30 1 3 11 *", "0 1,2 * * *"]),
    ("half an hour, Lord Howe autumn", "Australia/Lord_Howe", "2024-04-06T12:00", 7,
     ["45 1 * * *", "15 2 * * *", "*/15 * * * *", "30 1,2 * * *", "*/15 1 * * *"]),
    ("half an hour, Lord Howe spring", "Australia/Lord_Howe", "2024-10-05T14:00", 6,
     ["10 2 * * *", "0 2 * * *", "30 2 * * *", "*/10 2 * * *", "*/15 * * * *"]),
    ("midnight, Havana spring", "America/Havana", "2024-03-09T20:00", 4,
     ["0 0 * * *", "30 0 * * *", "0 0 10 3 *", "0 1 * * *", "*/30 0 * * *", "0 0 * * 0"]),
    ("midnight, Havana autumn", "America/Havana", "2024-11-02T20:00", 6,
     ["0 0 * * *", "30 0 * * *", "*/30 * * * *", "0 1 * * *", "45 0 3 11 *"]),
    ("midnight, Beirut", "Asia/Beirut", "2024-03-30T12:00", 4,
     ["0 0 * * *", "0 0 31 3 *", "15 0 31 3 *", "0 0 1 4 *", "0 * * * *"]),
    ("before midnight, Beirut autumn", "Asia/Beirut", "2024-10-26T18:00", 5,
     ["30 23 * * *", "0 0 * * *", "*/30 23 * * *", "30 23 26 10 *"]),
    ("midnight, Santiago", "America/Santiago", "2024-09-07T20:00", 4,
     ["0 0 * * *", "59 0 * * *", "0 0 8 9 *", "*/20 0 * * *"]),
    ("before midnight, Santiago autumn", "America/Santiago", "2024-04-06T22:00", 5,
     ["30 23 * * *", "*/30 * * * *", "0 0 * * *"]),
    ("a whole day, Apia", "Pacific/Apia", "2011-12-29T00:00", 5,
     ["0 9 * * *", "0 9 30 12 *", "0 9,17 30 12 *", "0 0 31 12 *", "0 0 * * *",
      "0 */6 * * *", "*/30 9 30 12 *", "0 12 * * 5"]),
    ("a whole day, Fakaofo", "Pacific/Fakaofo", "2011-12-29T00:00", 4,
     ["0 9 * * *", "0 9 30 12 *", "0 */6 * * *"]),
    ("negative, Dublin autumn", "Europe/Dublin", "2024-10-26T22:00", 5,
     ["30 1 * * *", "*/30 * * * *", "0 2 * * *"]),
    ("negative, Dublin spring", "Europe/Dublin", "2024-03-30T12:00", 4,
     ["30 1 * * *", "*/30 * * * *", "0 2 * * *", "0 1 * * *"]),
    ("Ramadan begins, Casablanca", "Africa/Casablanca", "2024-03-09T20:00", 6,
     ["30 2 * * *", "*/30 * * * *", "0 3 * * *", "0 2 * * *"]),
    ("Ramadan ends, Casablanca", "Africa/Casablanca", "2024-04-13T20:00", 4,
     ["30 2 * * *", "*/30 * * * *", "0 3 * * *", "0 2 14 4 *"]),
    ("offset of 45 minutes, Kathmandu", "Asia/Kathmandu", "2024-01-01T00:00", 3,
     ["0 9 * * *", "*/15 * * * *", "0 0 29 2 *"]),
    ("standard offset moves by 15 minutes, Kathmandu", "Asia/Kathmandu", "1985-12-31T12:00", 4,
     ["0 0 1 1 *", "10 0 * * *", "15 0 * * *", "*/5 0 * * *"]),
    ("offset of 45 minutes, Chatham spring", "Pacific/Chatham", "2024-09-28T00:00", 4,
     ["0 3 * * *", "45 2 * * *", "*/15 3 * * *", "*/30 * * * *"]),
    ("offset of 45 minutes, Chatham autumn", "Pacific/Chatham", "2024-04-06T10:00", 7,
     ["0 3 * * *", "45 2 * * *", "*/15 3 * * *", "*/30 * * * *"]),
    ("standard offset moves back, Pyongyang", "Asia/Pyongyang", "2015-08-14T10:00", 5,
     ["45 23 * * *", "*/15 * * * *", "0 0 15 8 *"]),
    ("standard offset moves on, Pyongyang", "Asia/Pyongyang", "2018-05-04T10:00", 4,
     ["45 23 4 5 *", "45 23 * * *", "*/15 23 * * *", "0 0 * * *"]),
    ("standard offset moves back by 30 minutes, Caracas", "America/Caracas", "2007-12-09T06:20", 6,
     ["45 2 * * *", "*/15 * * * *", "0 3 * * *"]),
    ("standard offset moves on, Istanbul stays on summer time", "Europe/Istanbul", "2016-10-29T20:00", 4,
     ["30 3 * * *", "*/30 * * * *"]),
    ("a whole day, Kwajalein", "Pacific/Kwajalein", "1993-08-20T00:00", 4,
     ["0 9 * * *", "0 9 21 8 *", "0 */6 * * *"]),
    ("two hours, Troll", "Antarctica/Troll", "2024-03-30T12:00", 4,
     ["30 1 * * *", "30 2 * * *", "0 3 * * *", "*/30 1,2 * * *", "0 1,2 * * *"]),
    ("two hours, Troll autumn", "Antarctica/Troll", "2024-10-26T20:00", 6,
     ["30 1 * * *", "30 2 * * *", "0 3 * * *", "0 * * * *"]),
]

RANGES = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def parse(expression):
    """Five sets; only the syntax that CASES uses."""
    sets = []
    for field, (low, high) in zip(expression.split(), RANGES):
        values = set()
        for item in field.split(","):
            body, _, step = item.partition("/")
            first, _, last = body.partition("-")
            if body == "*":
                first, last = low, high
            values |= set(range(int(first), int(last or first) + 1, int(step or 1)))
        sets.append(values)
    sets[4] = {value % 7 for value in sets[4]}
    return sets


def matches(sets, local):
    return (local.minute in sets[0] and local.hour in sets[1] and local.day in sets[2] and
            local.month in sets[3] and local.isoweekday() % 7 in sets[4])


def local_time(zone, instant):
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def is_repeated(zone, local):
    return (local.replace(tzinfo=zone, fold=0).utcoffset() >
            local.replace(tzinfo=zone, fold=1).utcoffset())


def nominal_times(expression, zone_name, after, count, limit_days=800):
    zone = zoneinfo.ZoneInfo(zone_name)
    sets = parse(expression)
    fields = expression.split()
    is_fixed = not fields[0].startswith("*") and not fields[1].startswith("*")
    instant = after - dt.timedelta(hours=100)
    end = min(TODAY, after + dt.timedelta(days=limit_days))
    highest = local_time(zone, instant)
    result = []
    while len(result) < count and instant < end:
        instant += MINUTE
        local = local_time(zone, instant)
        if is_fixed:
            passed = []
            while highest < local:
                highest += MINUTE
                if matches(sets, highest):
                    passed.append(highest)
            fires = bool(passed)
            note = " gap" if passed and passed[0] < local else ""
        else:
            fires = matches(sets, local)
            note = ""
        if fires and instant > after:
            if not note and is_repeated(zone, local):
                note = " fold"
            result.append(instant.strftime("%Y-%m-%dT%H:%M") + note)
    return result


def lines():
    for title, zone, after, count, expressions in CASES:
        yield f"# {title}"
        start = dt.datetime.fromisoformat(after).replace(tzinfo=dt.timezone.utc)
        for expression in expressions:
            times = nominal_times(expression, zone, start, count)
            yield f"{zone} | {after} | {expression} | " + ", ".join(times)


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        with open(os.path.join(os.path.dirname(__file__), "golden.txt")) as table:
            kept = table.read().splitlines()
        wrong = [(a, b) for a, b in zip(kept, lines()) if a != b]
        for a, b in wrong[:5]:
            print(f"# kept {a}\n# made {b}")
        print("not ok" if wrong else "ok", "1 - the golden table is what Python's zoneinfo says")
        print("1..1")
        sys.exit(bool(wrong))
    for line in lines():
        print(line)
