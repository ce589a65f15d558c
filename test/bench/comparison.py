"""The table of the comparison, from the results of the benchmarks."""

# work, unit, whether less is better, then the figure of each: (benchmark, figure)
SYSTEMS = ("extsched", "pg_cron", "pg-boss", "graphile-worker", "limit")
ROWS = [
    ("1,000 due at one edge: last", "ms", True, {
        "extsched": ("due 1,000", "last_ms"), "pg_cron": ("pg_cron due 1,000", "last_ms"),
        "pg-boss": ("pg-boss due 1,000", "last_ms"), "graphile-worker": ("graphile-worker due 1,000", "last_ms")}),
    ("10,000 due at one edge: last", "ms", True, {
        "extsched": ("due 10,000", "last_ms"), "pg_cron": ("pg_cron due 10,000", "last_ms")}),
    ("10,000 queued POSTs", "/s", False, {
        "extsched": ("queue", "per_s"), "pg-boss": ("pg-boss queue", "per_s"),
        "graphile-worker": ("graphile-worker queue", "per_s"), "limit": ("limit http", "multi_64_per_s")}),
    ("the same, Runner takes 50 ms", "/s", False, {
        "extsched": ("queue 50 ms", "per_s_64"), "pg-boss": ("pg-boss queue 50 ms", "per_s"),
        "graphile-worker": ("graphile-worker queue 50 ms", "per_s"), "limit": 64 / 0.05}),
    ("the same, 5 % hang: the others", "/s", False, {
        "extsched": ("queue hanging", "per_s"), "pg-boss": ("pg-boss queue hanging", "per_s"),
        "graphile-worker": ("graphile-worker queue hanging", "per_s")}),
    ("killed in mid-stream: lost or unsent", "%", True, {
        "extsched": ("killed", "lost_percent"), "pg_cron": ("pg_cron killed", "lost_percent"),
        "pg-boss": ("pg-boss killed", "lost_percent"), "graphile-worker": ("graphile-worker killed", "lost_percent")}),
    ("100,000 schedules idle: CPU a minute", "s", True, {
        "extsched": ("idle 100,000", "cpu_s_per_minute"), "pg_cron": ("pg_cron idle", "cpu_s_per_minute"),
        "pg-boss": ("pg-boss idle", "cpu_s_per_minute"), "graphile-worker": ("graphile-worker idle", "cpu_s_per_minute")}),
    ("one edit among them: scheduler's CPU", "ms", True, {
        "extsched": ("edit 100,000", "worker_ms_per_edit"), "pg_cron": ("pg_cron idle", "ms_per_edit")}),
    ("create, one connection", "/s", False, {
        "extsched": ("create", "sql_1_connection"), "pg_cron": ("pg_cron create", "connections_1"),
        "pg-boss": ("pg-boss create", "connections_1"), "graphile-worker": ("graphile-worker create", "connections_1"),
        "limit": ("limit create", "connections_1")}),
    ("create, eight connections", "/s", False, {
        "extsched": ("create", "sql_8_connections"), "pg_cron": ("pg_cron create", "connections_8"),
        "pg-boss": ("pg-boss create", "connections_8"), "graphile-worker": ("graphile-worker create", "connections_8"),
        "limit": ("limit create", "connections_8")}),
    ("rows claimed in batches", "/s", False, {
        "extsched": ("claim", "rows_per_s"), "limit": ("limit claim", "rows_per_s")}),
]


def median(results, source):
    """A figure that was measured, or None; a number stands for itself."""
    if isinstance(source, (int, float)):
        return source
    figure = results.get(source[0], {}).get(source[1]) if source else None
    return figure["median"] if isinstance(figure, dict) else None


def rows(results):
    """(work, unit, less is better, {system: value}, ratio to the best peer,
    share of the limit); a ratio above 1 is in favour of extsched."""
    for work, unit, is_less_better, sources in ROWS:
        values = {system: median(results, sources.get(system)) for system in SYSTEMS}
        own, limit = values["extsched"], values["limit"]
        peers = [values[system] for system in SYSTEMS[1:4] if values[system] is not None]
        best = (min if is_less_better else max)(peers) if peers else None
        ratio = None
        if own and best:
            ratio = best / own if is_less_better else own / best
        yield work, unit, is_less_better, values, ratio, own / limit if own and limit else None


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio):
    return "-" if ratio is None else f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"


def table(results):
    """The comparison as text."""
    lines = [f"{'':<38}{'':<4}" + "".join(f"{system:>16}" for system in SYSTEMS) + f"{'x best peer':>13}{'of limit':>10}"]
    for work, unit, _, values, ratio, share in rows(results):
        lines.append(f"{work:<38}{unit:<4}" + "".join(f"{number(values[system]):>16}" for system in SYSTEMS)
                     + f"{times(ratio):>13}{'-' if share is None else f'{share:.0%}':>10}")
    return "\n".join(lines)
