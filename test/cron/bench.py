#!/usr/bin/env python3
"""bench.py BUILD: the bare engine beside croner, cron-parser and croniter.

Prints a table and writes BUILD/bench.json.  The same expressions go to each
library, one after another; next is the time from one occurrence to the next
(processor time, the fastest of several rounds).  A library that is not there, or refuses an
expression, has a dash.  The status is 1 when a target is missed.
"""

import datetime as dt
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))

# group, zone, expression.  "common" is what people write, "worst" what costs
# most: rare days, long lists, changes of offset on the way.
CASES = [
    ("common", "UTC", "*/5 * * * *"),
    ("common", "Europe/Berlin", "*/15 * * * *"),
    ("common", "America/New_York", "0 * * * *"),
    ("common", "America/New_York", "0 9 * * *"),
    ("common", "Europe/Berlin", "30 2 * * *"),
    ("common", "Asia/Tokyo", "0 9 * * 1-5"),
    ("common", "Australia/Sydney", "0 0 * * 0"),
    ("common", "Asia/Kolkata", "15 10 1,15 * *"),
    ("common", "Europe/London", "0 0 1 * *"),
    ("common", "America/Sao_Paulo", "*/10 8-18 * * 1-5"),
    ("worst", "Europe/Berlin", "0 0 29 2 *"),
    ("worst", "America/New_York", "0 0 29 2 */7"),
    ("worst", "Europe/Berlin", "0 0 1 1 *"),
    ("worst", "Australia/Lord_Howe", "59 23 31 12 */5"),
    ("worst", "America/New_York", "0 12 L * *"),
    ("worst", "America/New_York", "0 12 * * 5#5"),
    ("worst", "Europe/Berlin", "0 0 15W,LW,L-3 2,6 *"),
    ("worst", "America/New_York", "*/15 2 * 3 0#2"),
]

# calls a second
TARGETS = {"common": 5_000_000, "worst": 500_000, "parse": 3_000_000}

NODE_BENCH = r"""
const fs = require('fs');
const cases = JSON.parse(fs.readFileSync(0, 'utf8'));
const load = (name) => { try { return require(name); } catch { return null; } };
const croner = load('croner'), parser = load('cron-parser');
const start = new Date('2026-01-01T00:00:00Z');
function measure(step) {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    let calls = 0, from = process.cpuUsage(), took;
    do {
      for (let i = 0; i < 20; i++, calls++) step();
      const used = process.cpuUsage(from);
      took = (used.user + used.system) * 1e3;
    } while (took < 1e8);
    best = Math.min(best, took / calls);
  }
  return best;
}
const result = cases.map(([group, zone, cron]) => {
  const out = {};
  try {
    const job = new croner.Cron(cron, { timezone: zone, paused: true });
    let at = start;
    out.croner = measure(() => { at = job.nextRun(at) || start; if (at.getUTCFullYear() > 2080) at = start; });
  } catch { out.croner = null; }
  try {
    const CronExpression = parser.CronExpressionParser || parser;
    const fresh = () => CronExpression.parse(cron, { currentDate: start, tz: zone });
    let it = fresh();
    out['cron-parser'] = measure(() => { if (it.next().toDate().getUTCFullYear() > 2080) it = fresh(); });
  } catch { out['cron-parser'] = null; }
  return out;
});
console.log(JSON.stringify(result));
"""


def croniter_ns(zone, cron):
    """Nanoseconds for croniter to go on, or None."""
    try:
        import zoneinfo
        from croniter import croniter
        start = dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo(zone))
        best = None
        for _ in range(2):
            it = croniter(cron, start, day_or=False)
            calls, began = 0, time.process_time_ns()
            while time.process_time_ns() - began < 3e7:
                if it.get_next(dt.datetime).year > 2080:
                    it = croniter(cron, start, day_or=False)
                calls += 1
            took = (time.process_time_ns() - began) / calls
            best = took if best is None else min(best, took)
        return best
    except Exception:
        return None


def node_libraries(build):
    """Install the JavaScript libraries into the build folder; their path."""
    folder = os.path.join(build, "node")
    os.makedirs(folder, exist_ok=True)
    if not os.path.isdir(os.path.join(folder, "node_modules", "cron-parser")):
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder,
                        "croner@9.1.0", "cron-parser@5.3.0"],
                       check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return os.path.join(folder, "node_modules")


def main(build):
    lines = "".join("|".join(case) + "\n" for case in CASES)
    ours = [json.loads(line) for line in
            subprocess.run([os.path.join(build, "bench")], input=lines, text=True, check=True,
                           stdout=subprocess.PIPE).stdout.splitlines()]
    try:
        node = json.loads(subprocess.run(
            ["node", "-e", NODE_BENCH], input=json.dumps(CASES), text=True, check=True,
            env=dict(os.environ, NODE_PATH=node_libraries(build)), stdout=subprocess.PIPE).stdout)
    except (OSError, subprocess.CalledProcessError):
        node = [{} for _ in CASES]

    print("calls a second                                    extsched      parse      check     croner cron-parser   croniter")
    for row, other, case in zip(ours, node, CASES):
        row["croner_ns"] = other.get("croner")
        row["cron_parser_ns"] = other.get("cron-parser")
        row["croniter_ns"] = croniter_ns(case[1], case[2])
        rates = [row[key] and 1e9 / row[key] for key in
                 ("next_ns", "parse_ns", "check_ns", "croner_ns", "cron_parser_ns", "croniter_ns")]
        print(f"{row['group']:7}{row['zone']:21}{row['cron']:19}" +
              "".join(f"{rate:11,.0f}" if rate else f"{'-':>11}" for rate in rates))

    slowest = {
        "common": max(row["next_ns"] for row in ours if row["group"] == "common"),
        # the last one has no next time at all: what a tenant can cost us at most
        "worst": max(row["next_ns"] for row in ours[:-1] if row["group"] == "worst"),
        "parse": max(row["parse_ns"] for row in ours),
    }
    reached = True
    for name, target in TARGETS.items():
        rate = 1e9 / slowest[name]
        reached &= rate > target
        print(f"slowest {name:7} {rate:12,.0f} a second, target {target:,}{'' if rate > target else '  MISSED'}")
    print(f"slowest search  {max(row['next_ns'] for row in ours) / 1000:10.1f} us, target 50")
    with open(os.path.join(build, "bench.json"), "w") as out:
        json.dump({"cases": ours, "slowest_ns": slowest}, out, indent=1)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
