#!/usr/bin/env python3
"""differential.py BUILD: 2,000 seeded cases against croniter and croner; TAP.

Each case is an expression, a zone and an instant; the next eight times of the
three programs have to be the same.  What may differ is listed in DIFFERENCES,
and nothing else: a difference that no entry explains is a failure, and so is
an entry that explains nothing.

croniter gets each expression in UTC: version 1.3 is off by the difference of
the offsets when it walks over a clock change, in either direction.

The day rule is mapped, not excused: where a day field begins with "*" (also
"*/2") both libraries are told that both fields must match, because they take
only a bare "*" for unrestricted by themselves.
"""

import collections
import datetime as dt
import json
import os
import random
import subprocess
import sys
import zoneinfo

from bench import node_libraries

try:
    from croniter import croniter
except ImportError:
    croniter = None

CASES = 2000
TIMES = 8
MIN = [0, 0, 1, 1, 0]
MAX = [59, 23, 31, 12, 6]
NAMES = {3: "jan feb mar apr may jun jul aug sep oct nov dec".split(),
         4: "sun mon tue wed thu fri sat".split()}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
         "America/Havana", "America/Santiago", "Asia/Tokyo", "Pacific/Chatham", "Africa/Casablanca"]

# Hours around a change of offset in which the libraries follow other rules.
CHANGE_HOURS = 3

DIFFERENCES = {
    "clock change":
        "croner knows no fixed-time schedules: within three hours of a change of offset it shifts or drops the "
        "times of a gap and repeats fixed times of a fold. Every other time of the case is the same.",
    "hidden never":
        "extsched refuses what can never be due; croniter raises and croner gives no time.",
    "k-th weekday":
        "croniter wants both day fields to match when one of them is n#k, whatever it is told.",
    "all weekdays":
        "croniter takes a list of all seven weekdays for an unrestricted field.",
    "impossible day":
        "croniter raises when no month has the day of the month, though the weekday alone may match.",
}

NODE = r"""
const { Cron } = require('croner');
const cases = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map(([cron, zone, after, times, both]) => {
  try {
    const job = new Cron(cron, { timezone: zone, paused: true, legacyMode: !both });
    return job.nextRuns(times, new Date(after * 1000)).map((t) => t.getTime() / 1000);
  } catch (e) { return String(e.message || e); }
})));
"""


def random_value(rng, field, value):
    names = NAMES.get(field)
    if names and rng.random() < 0.3:
        name = names[value - MIN[field]]
        return rng.choice([name, name.upper(), name.capitalize()])
    return str(value)


def random_item(rng, field):
    low = rng.randint(MIN[field], MAX[field])
    high = rng.randint(low, MAX[field])
    kind = rng.random()
    if kind < 0.5 or low == high:
        return random_value(rng, field, low)
    item = random_value(rng, field, low) + "-" + random_value(rng, field, high)
    if kind < 0.7:
        item += "/" + str(rng.randint(1, high - low))
    return item


def random_field(rng, field):
    kind = rng.random()
    if kind < 0.35:
        return "*"
    if kind < 0.5:
        return "*/" + str(rng.randint(1, MAX[field] // 2))
    if kind < 0.54 and field == 2:
        return "L"
    if kind < 0.6 and field == 4:
        return f"{rng.randint(1, 6)}#{rng.randint(1, 4)}"
    return ",".join(random_item(rng, field) for _ in range(rng.choice([1, 1, 1, 2, 3])))


def make_cases():
    rng = random.Random(20261124)
    cases = []
    while len(cases) < CASES:
        zone = rng.choice(ZONES)
        after = rng.randrange(1577836800, 1893456000)      # 2020 to 2029
        change = next_change(zone, after)
        if change and rng.random() < 0.4:
            after = change - rng.randrange(0, 36 * 3600)
        cases.append((" ".join(random_field(rng, f) for f in range(5)), zone, after))
    return cases


def offset(zone, instant):
    return dt.datetime.fromtimestamp(instant, zoneinfo.ZoneInfo(zone)).utcoffset()


def next_change(zone, after):
    """The first change of offset within a year, to the hour; or None."""
    day = 86400
    for start in range(after, after + 366 * day, 7 * day):
        if offset(zone, start) != offset(zone, start + 7 * day):
            low, high = start, start + 7 * day
            while high - low > 1:
                middle = (low + high) // 2
                if offset(zone, middle) == offset(zone, low):
                    low = middle
                else:
                    high = middle
            return high
    return None


def is_near_change(zone, instant):
    return any(offset(zone, instant + h * 3600) != offset(zone, instant)
               for h in range(-CHANGE_HOURS, CHANGE_HOURS + 1))


def must_match_both(cron):
    fields = cron.split()
    return fields[2].startswith("*") or fields[4].startswith("*")


def values(cron, field):
    """The set of a list that random_item() has made."""
    names = NAMES.get(field, [])
    result = set()
    for item in cron.lower().split()[field].split(","):
        body, _, step = item.partition("/")
        if body == "*":
            return set(range(MIN[field], MAX[field] + 1, int(step or 1)))
        ends = [names.index(v) + MIN[field] if v in names else int(v) for v in body.split("-")]
        result |= set(range(ends[0], ends[-1] + 1, int(step or 1)))
    return result


def has_day_of_month(cron):
    """Whether a day of the month occurs in any of the months."""
    lengths = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return "L" in cron.split()[2] or min(values(cron, 2)) <= max(lengths[m - 1] for m in values(cron, 3))


def run_extsched(build, cases):
    lines = "".join(f"{zone}|{after}|{TIMES}|{cron}\n" for cron, zone, after in cases)
    output = subprocess.run([os.path.join(build, "list")], input=lines, text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    return [None if line == "refused" else [int(t) for t in line.split()] for line in output.splitlines()]


def run_croniter(cron, zone, after):
    start = dt.datetime.fromtimestamp(after, zoneinfo.ZoneInfo(zone))
    try:
        it = croniter(cron, start, day_or=not must_match_both(cron))
        return [int(it.get_next(float)) for _ in range(TIMES)]
    except Exception as error:
        return str(error)


def run_croner(build, cases):
    arguments = [[cron, zone, after, TIMES, must_match_both(cron)] for cron, zone, after in cases]
    output = subprocess.run(["node", "-e", NODE], input=json.dumps(arguments), text=True, check=True,
                            env=dict(os.environ, NODE_PATH=node_libraries(build)),
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return json.loads(output)


def explain(name, case, ours, theirs):
    """The entry of DIFFERENCES that explains a difference, or None."""
    cron, zone, after = case
    if ours is None:
        return "hidden never" if not theirs or isinstance(theirs, str) else None
    if name == "croniter" and not must_match_both(cron):
        weekday = cron.split()[4]
        if "#" in weekday:
            return "k-th weekday"
        if len(values(cron, 4)) == 7:
            return "all weekdays"
        return "impossible day" if isinstance(theirs, str) and not has_day_of_month(cron) else None
    if isinstance(theirs, str):
        return None
    if not is_near_change(zone, after) and not any(is_near_change(zone, t) for t in ours + theirs):
        return None
    # both lists are cut at a number: compare up to the end of the shorter one
    end = min(ours[-1] if ours else after, theirs[-1] if theirs else after)
    ours = [t for t in ours if t <= end and not is_near_change(zone, t)]
    theirs = [t for t in theirs if t <= end and not is_near_change(zone, t)]
    return "clock change" if ours == theirs else None


def compare(name, number, cases, ours, theirs):
    used = collections.Counter()
    failures = []
    for case, a, b in zip(cases, ours, theirs):
        if a == b:
            used["the same"] += 1
            continue
        reason = explain(name, case, a, b)
        used[reason or "unexplained"] += 1
        if reason is None:
            failures.append((case, a, b))
    for case, a, b in failures[:8]:
        print(f"# {case}\n#   extsched {a}\n#   {name} {b}")
    print(f"# {name}: " + ", ".join(f"{count} {what}" for what, count in used.most_common()))
    print(f"{'not ok' if failures else 'ok'} {number} - {len(cases)} cases agree with {name}, "
          "apart from the documented differences")
    return not failures, used


def main(build):
    cases = make_cases()
    ours = run_extsched(build, cases)
    good, used = True, collections.Counter()
    if croniter is None:
        print("ok 1 - cases agree with croniter # skip python3-croniter is not installed")
    else:
        wall = [(cron, "UTC", after) for cron, _, after in cases]
        result, counts = compare("croniter", 1, wall, run_extsched(build, wall),
                                 [run_croniter(*case) for case in wall])
        good, used = good and result, used + counts
    try:
        theirs = run_croner(build, cases)
    except (OSError, subprocess.CalledProcessError):
        theirs = None
    if theirs is None:
        print("ok 2 - cases agree with croner # skip node or croner is not there")
    else:
        result, counts = compare("croner", 2, cases, ours, theirs)
        good, used = good and result, used + counts
    if croniter is not None and theirs is not None:
        idle = [name for name in DIFFERENCES if not used[name]]
        print(f"{'not ok' if idle else 'ok'} 3 - each documented difference occurs {idle or ''}".rstrip())
        good = good and not idle
        print("1..3")
    else:
        print("1..2")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
