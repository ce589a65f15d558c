--
-- extsched_report(): one HTML page for people who ask how it is going.
--
-- Each section is a function that makes its part of the page from one or two
-- queries, so that the page is built from sets, and its size is bounded: a
-- fixed number of bars, cells and rows, whatever is in the tables.  Text of
-- tenants goes through extsched.html() and nothing else; the page forbids
-- scripts and the network to itself on top of that.  Figures that a test, or a
-- program, may want to read have an id.
--

CREATE FUNCTION extsched.html(plain text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT replace(replace(replace(replace(replace(plain, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;')
$$;
REVOKE ALL ON FUNCTION extsched.html(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.html(text) IS
'A text as it is written in HTML, between tags and in quoted attributes.';

CREATE FUNCTION extsched.report_count(n numeric) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT trim(to_char(coalesce(n, 0), 'FM999,999,999,999,999')) $$;
REVOKE ALL ON FUNCTION extsched.report_count(numeric) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_count(numeric) IS 'A number as people write it: 12,345.';

CREATE FUNCTION extsched.report_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') $$;
REVOKE ALL ON FUNCTION extsched.report_time(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_time(timestamptz) IS 'An instant in UTC, to the minute.';

CREATE FUNCTION extsched.report_slots(from_time timestamptz, to_time timestamptz) RETURNS smallint[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(DISTINCT extsched.run_slot(least(d, to_time)))
      FROM generate_series(from_time, to_time + interval '1 day', interval '1 day') AS d
$$;
REVOKE ALL ON FUNCTION extsched.report_slots(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_slots(timestamptz, timestamptz) IS
'The partitions of the history that hold a stretch of time.';

CREATE FUNCTION extsched.forecast(from_time timestamptz, tenant text)
RETURNS TABLE (minute integer, due bigint, spread double precision)
LANGUAGE C STABLE ROWS 1440
AS 'MODULE_PATHNAME', 'extsched_forecast';
REVOKE ALL ON FUNCTION extsched.forecast(timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.forecast(timestamptz, text) IS
'How many schedules are due in each of 1,440 minutes, and how many would be if the minutes that H can stand for were left to it. Paused ones are not.';

CREATE FUNCTION extsched.report_health(from_time timestamptz, to_time timestamptz, tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH run AS (
        SELECT coalesce(sum(r.missed_count) FILTER (WHERE r.missed_count IS NOT NULL), 0) + count(*) FILTER (WHERE r.missed_count IS NULL) AS runs,
               count(*) FILTER (WHERE r.state = 'succeeded') AS succeeded,
               count(*) FILTER (WHERE r.state IN ('failed', 'lost')) AS failed
          FROM extsched.run AS r
         WHERE r.slot = ANY ((SELECT extsched.report_slots(from_time, to_time))::smallint[])
           AND r.nominal_time >= from_time AND r.nominal_time < to_time
           AND (tenant IS NULL OR r.tenant_id = tenant)
    ), schedule AS (
        SELECT count(*) AS schedules, count(*) FILTER (WHERE s.status = 'active') AS active
          FROM extsched.schedules AS s WHERE tenant IS NULL OR s.tenant_id = tenant
    ), tile AS (
        SELECT t.*
          FROM extsched.stat_now AS n, run AS r, schedule AS s
         CROSS JOIN LATERAL (VALUES
               (1, 'running', 'Schedules run', CASE WHEN n.running THEN 'yes' ELSE 'no' END,
                coalesce(n.why, 'a worker is at work'), CASE WHEN n.running THEN 'good' ELSE 'bad' END),
               (2, 'oldest-overdue', 'Oldest overdue', extsched.human_duration(make_interval(secs => n.oldest_overdue_seconds)),
                extsched.report_count(n.due_schedules) || ' due and not yet claimed',
                CASE WHEN n.oldest_overdue_seconds > 60 THEN 'bad' WHEN n.oldest_overdue_seconds > 10 THEN 'fair' ELSE 'good' END),
               (3, 'succeeded-share', 'Succeeded', coalesce(round(100.0 * r.succeeded / nullif(r.succeeded + r.failed, 0), 1) || ' %', 'none ran'),
                'of the runs that were tried',
                CASE WHEN r.failed > 0.2 * (r.succeeded + r.failed) THEN 'bad' WHEN r.failed > 0.02 * (r.succeeded + r.failed) THEN 'fair' ELSE 'good' END),
               (4, 'runs', 'Due times', extsched.report_count(r.runs), extsched.report_count(r.failed) || ' of them failed or lost', ''),
               (5, 'schedules', 'Schedules', extsched.report_count(s.schedules), extsched.report_count(s.active) || ' active', ''),
               (6, 'in-flight', 'In flight', extsched.report_count(n.in_flight_runs), extsched.report_count(n.waiting_runs) || ' waiting', '')
               ) AS t (place, id, label, figure, remark, mood)
    )
    SELECT '<section aria-label="Health"><ul class="tiles">'
           || string_agg(format('<li class="tile %s"><span class="label">%s</span><b id="%s">%s</b><span class="remark">%s</span></li>',
                                t.mood, t.label, t.id, t.figure, extsched.html(t.remark)), '' ORDER BY t.place)
           || '</ul></section>'
      FROM tile AS t
$$;
REVOKE ALL ON FUNCTION extsched.report_health(timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_health(timestamptz, timestamptz, text) IS 'Section of the report: the state now, and the range in a few figures.';

CREATE FUNCTION extsched.report_lateness(from_time timestamptz, to_time timestamptz, tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH bound (place, label, seconds) AS (
        VALUES (1, '&le; 50 ms', 0.05), (2, '&le; 100 ms', 0.1), (3, '&le; 250 ms', 0.25), (4, '&le; 500 ms', 0.5), (5, '&le; 1 s', 1),
               (6, '&le; 2.5 s', 2.5), (7, '&le; 5 s', 5), (8, '&le; 10 s', 10), (9, '&le; 30 s', 30), (10, '&le; 1 min', 60),
               (11, '&le; 5 min', 300), (12, '&le; 1 h', 3600), (13, '> 1 h', 'Infinity'::numeric)
    ), run AS (
        -- A value on a bound belongs below it.
        SELECT 14 - width_bucket(-extract(epoch FROM r.dispatched_at - r.nominal_time),
                                 ARRAY[-3600, -300, -60, -30, -10, -5, -2.5, -1, -0.5, -0.25, -0.1, -0.05]) - 1 AS place,
               count(*) AS runs, max(r.dispatched_at - r.nominal_time) AS latest
          FROM extsched.run AS r
         WHERE r.slot = ANY ((SELECT extsched.report_slots(from_time, to_time))::smallint[])
           AND r.nominal_time >= from_time AND r.nominal_time < to_time
           AND r.trigger = 'schedule' AND r.dispatched_at IS NOT NULL
           AND (tenant IS NULL OR r.tenant_id = tenant)
         GROUP BY 1
    ), bar AS (
        SELECT b.place, b.label, b.seconds, coalesce(r.runs, 0) AS runs, r.latest,
               sum(r.runs) OVER () AS total, max(r.runs) OVER () AS most
          FROM bound AS b LEFT JOIN run AS r USING (place)
    )
    SELECT '<section><h2 id="lateness">Lateness</h2><p>First dispatch minus due time. '
           || coalesce(format('<b id="within-second">%s %%</b> of <b id="dispatched">%s</b> within a second; the latest by %s.',
                              round(100 * sum(b.runs) FILTER (WHERE b.seconds <= 1) / max(b.total), 1),
                              extsched.report_count(max(b.total)), extsched.human_duration(max(b.latest))),
                       'Nothing was dispatched in this time.')
           || '</p><table class="bars"><caption>Runs by lateness</caption><thead><tr><th scope="col">late by</th><th scope="col" class="wide"><span class="hidden">share</span></th>'
              '<th scope="col" class="number">runs</th></tr></thead><tbody>'
           || string_agg(format('<tr><th scope="row">%s</th><td class="wide"><svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true"><rect class="%s" width="%s" height="1"/></svg></td><td class="number">%s</td></tr>',
                                b.label, CASE WHEN b.seconds <= 1 THEN 'succeeded' WHEN b.seconds <= 60 THEN 'skipped' ELSE 'failed' END,
                                CASE WHEN b.runs > 0 THEN greatest(round(100.0 * b.runs / b.most, 2), 0.5) ELSE 0 END,
                                extsched.report_count(b.runs)), '' ORDER BY b.place)
           || '</tbody></table></section>'
      FROM bar AS b
$$;
REVOKE ALL ON FUNCTION extsched.report_lateness(timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_lateness(timestamptz, timestamptz, text) IS 'Section of the report: runs by lateness.';

CREATE FUNCTION extsched.report_outcomes(from_time timestamptz, to_time timestamptz, tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH outcome (place, state, label) AS (
        VALUES (1, 'succeeded', 'succeeded'), (2, 'failed', 'failed'), (3, 'lost', 'lost'), (4, 'skipped', 'skipped'),
               (5, 'missed', 'missed'), (6, 'cancelled', 'cancelled'), (7, 'live', 'not finished')
    ), run AS (
        SELECT width_bucket(extract(epoch FROM r.nominal_time), extract(epoch FROM from_time), extract(epoch FROM to_time), 48) AS bar,
               CASE WHEN r.finished_at IS NULL THEN 'live' ELSE r.state END AS state,
               sum(coalesce(r.missed_count, 1)) AS runs
          FROM extsched.run AS r
         WHERE r.slot = ANY ((SELECT extsched.report_slots(from_time, to_time))::smallint[])
           AND r.nominal_time >= from_time AND r.nominal_time < to_time
           AND (tenant IS NULL OR r.tenant_id = tenant)
         GROUP BY 1, 2
    ), total AS (
        SELECT coalesce(max(b.runs), 0) AS most FROM (SELECT sum(r.runs) AS runs FROM run AS r GROUP BY r.bar) AS b
    ), piece AS (
        SELECT r.bar, o.place, o.state, r.runs, sum(r.runs) OVER (PARTITION BY r.bar ORDER BY o.place) AS upto, t.most
          FROM run AS r JOIN outcome AS o USING (state) CROSS JOIN total AS t
    ), legend AS (
        SELECT string_agg(format('<li><i class="%s"></i>%s <b id="runs-%s">%s</b></li>', o.state, o.label, o.state,
                                 extsched.report_count(r.runs)), '' ORDER BY o.place) AS html
          FROM outcome AS o LEFT JOIN (SELECT r.state, sum(r.runs) AS runs FROM run AS r GROUP BY r.state) AS r USING (state)
    )
    SELECT format('<section><h2 id="outcomes">Outcomes over time</h2><ul class="legend">%s</ul><figure><figcaption>at most %s in %s</figcaption>'
                  '<svg class="chart" viewBox="0 0 480 100" preserveAspectRatio="none" role="img" aria-label="Runs by outcome over time; the totals are listed above">%s</svg>'
                  '<div class="axis"><span>%s</span><span>%s</span><span>%s</span></div></figure></section>',
                  l.html, extsched.report_count(t.most), extsched.human_duration((to_time - from_time) / 48),
                  (SELECT string_agg(format('<rect class="%s" x="%s" y="%s" width="9" height="%s"><title>%s: %s %s</title></rect>',
                                            p.state, (p.bar - 1) * 10 + 0.5, round(100 - 100.0 * p.upto / p.most, 2), round(100.0 * p.runs / p.most, 2),
                                            extsched.report_time(from_time + (p.bar - 1) * ((to_time - from_time) / 48)),
                                            extsched.report_count(p.runs), p.state), '' ORDER BY p.bar, p.place) FROM piece AS p),
                  extsched.report_time(from_time), extsched.report_time(from_time + (to_time - from_time) / 2), extsched.report_time(to_time))
      FROM legend AS l, total AS t
$$;
REVOKE ALL ON FUNCTION extsched.report_outcomes(timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_outcomes(timestamptz, timestamptz, text) IS 'Section of the report: runs by outcome over time.';

CREATE FUNCTION extsched.report_load(tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH day AS (
        SELECT date_trunc('hour', extsched.clock_now(), 'UTC') AS start
    ), minute AS MATERIALIZED (
        SELECT f.minute / 60 AS hour, f.minute % 60 AS minute, f.due, f.spread, d.start,
               max(f.due) OVER () AS most, max(f.spread) OVER () AS most_spread, sum(f.due) OVER () AS total
          FROM day AS d, extsched.forecast(d.start, tenant) AS f
    ), cell AS (
        SELECT m.hour, m.minute, v.map, v.load,
               CASE WHEN v.load <= 0 THEN 0 ELSE ceil(8 * sqrt(v.load / greatest(m.most, m.most_spread, 1))) END AS level,
               m.start + make_interval(hours => m.hour, mins => m.minute) AS at
          FROM minute AS m
         CROSS JOIN LATERAL (VALUES ('now', m.due::double precision), ('spread', m.spread)) AS v (map, load)
    ), line AS (
        SELECT c.map, c.hour,
               format('<div class="hour"><span>%s</span><svg viewBox="0 0 60 1" preserveAspectRatio="none">%s</svg><span class="number">%s</span></div>',
                      to_char(min(c.at) AT TIME ZONE 'UTC', 'HH24:MI'),
                      string_agg(format('<rect class="l%s" x="%s" width="1" height="1"><title>%s: %s</title></rect>',
                                        c.level, c.minute, to_char(c.at AT TIME ZONE 'UTC', 'HH24:MI'), round(c.load::numeric, 1)), ''
                                 ORDER BY c.minute) FILTER (WHERE c.level > 0),
                      extsched.report_count(round(max(c.load)::numeric))) AS html
          FROM cell AS c GROUP BY c.map, c.hour
    ), map AS (
        SELECT l.map, string_agg(l.html, '' ORDER BY l.hour) AS html FROM line AS l GROUP BY l.map
    ), herd AS (
        SELECT string_agg(format('<li><b>%s</b> %s at once, with <code>H</code> %s</li>', to_char(h.at AT TIME ZONE 'UTC', 'HH24:MI'),
                                 extsched.report_count(h.due), extsched.report_count(round(h.spread::numeric))), '' ORDER BY h.due DESC, h.at) AS html
          FROM (SELECT m.start + make_interval(hours => m.hour, mins => m.minute) AS at, m.due, m.spread
                  FROM minute AS m WHERE m.due > 0 ORDER BY m.due DESC, 1 LIMIT 5) AS h
    )
    SELECT format('<section><h2 id="load">Load of the coming 24 hours</h2><p><b id="due-total">%s</b> due times by minute, UTC. '
                  'The fullest minute has <b id="peak">%s</b>; were its minutes left to <code>H</code>, the fullest would have <b id="peak-spread">%s</b>.</p>'
                  '<ol class="herds">%s</ol><div class="maps"><figure><figcaption>as scheduled</figcaption><div role="img" aria-label="Due times by hour and minute; the fullest minutes are listed above">%s</div></figure>'
                  '<figure><figcaption>with H</figcaption><div role="img" aria-label="The same, were minutes left to H">%s</div></figure></div>'
                  '<p class="remark">A line is an hour, a cell a minute; the number is that of its fullest minute. <code>H * * * *</code> gives each schedule a minute of its own.</p></section>',
                  extsched.report_count(max(m.total)), extsched.report_count(max(m.most)), extsched.report_count(round(max(m.most_spread)::numeric)),
                  (SELECT h.html FROM herd AS h), (SELECT a.html FROM map AS a WHERE a.map = 'now'),
                  (SELECT a.html FROM map AS a WHERE a.map = 'spread'))
      FROM minute AS m
$$;
REVOKE ALL ON FUNCTION extsched.report_load(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_load(text) IS 'Section of the report: due times of the coming 24 hours by minute, as scheduled and with H.';

CREATE FUNCTION extsched.report_worst(from_time timestamptz, to_time timestamptz, tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH run AS MATERIALIZED (
        SELECT r.tenant_id, r.schedule_id, r.state, r.reason, sum(coalesce(r.missed_count, 1)) AS runs,
               max(r.nominal_time) AS last
          FROM extsched.run AS r
         WHERE r.slot = ANY ((SELECT extsched.report_slots(from_time, to_time))::smallint[])
           AND r.nominal_time >= from_time AND r.nominal_time < to_time AND r.finished_at IS NOT NULL
           AND (tenant IS NULL OR r.tenant_id = tenant)
         GROUP BY r.tenant_id, r.schedule_id, r.state, r.reason
    ), reason AS (
        SELECT string_agg(format('<tr><th scope="row">%s</th><td>%s</td><td class="number">%s</td></tr>', r.reason, r.state,
                                 extsched.report_count(r.runs)), '' ORDER BY r.runs DESC, r.reason, r.state) AS html
          FROM (SELECT r.reason, r.state, sum(r.runs) AS runs FROM run AS r WHERE r.reason IS NOT NULL GROUP BY r.reason, r.state) AS r
    ), by_tenant AS (
        SELECT r.tenant_id, r.reason, sum(r.runs) AS runs,
               sum(sum(r.runs)) OVER (PARTITION BY r.tenant_id) AS bad,
               row_number() OVER (PARTITION BY r.tenant_id ORDER BY sum(r.runs) DESC, r.reason) AS place
          FROM run AS r WHERE r.state <> 'succeeded' GROUP BY r.tenant_id, r.reason
    ), tenant_row AS (
        SELECT t.bad, t.tenant_id,
               format('<tr><th scope="row">%s</th><td class="number">%s</td><td class="number">%s</td><td>%s</td></tr>',
                      extsched.html(t.tenant_id), extsched.report_count(t.bad),
                      extsched.report_count((SELECT sum(r.runs) FROM run AS r WHERE r.tenant_id = t.tenant_id)),
                      format('%s (%s)', t.reason, extsched.report_count(t.runs))) AS html
          FROM by_tenant AS t WHERE t.place = 1 ORDER BY t.bad DESC, t.tenant_id LIMIT 10
    ), by_schedule AS (
        SELECT r.tenant_id, r.schedule_id, r.reason, sum(r.runs) AS runs,
               sum(sum(r.runs)) OVER (PARTITION BY r.tenant_id, r.schedule_id) AS bad,
               row_number() OVER (PARTITION BY r.tenant_id, r.schedule_id ORDER BY sum(r.runs) DESC, r.reason) AS place
          FROM run AS r WHERE r.state IN ('failed', 'lost', 'missed') GROUP BY r.tenant_id, r.schedule_id, r.reason
    ), worst AS (
        SELECT b.* FROM by_schedule AS b WHERE b.place = 1 ORDER BY b.bad DESC, b.tenant_id, b.schedule_id LIMIT 15
    ), schedule_row AS (
        SELECT w.bad, w.tenant_id, w.schedule_id,
               format('<tr><th scope="row">%s<span class="remark">%s</span></th><td>%s<span class="remark">%s %s</span></td><td class="number">%s</td><td>%s<span class="remark">%s</span></td></tr>',
                      extsched.html(coalesce(s.name, 'no name')), extsched.html(w.tenant_id),
                      extsched.html(coalesce(s.cron, 'deleted')), extsched.html(s.endpoint_method), extsched.html(s.endpoint_path),
                      extsched.report_count(w.bad), format('%s (%s)', w.reason, extsched.report_count(w.runs)),
                      extsched.html(left(m.last_error, 160))) AS html
          FROM worst AS w
          LEFT JOIN extsched.schedule AS s ON s.tenant_id = w.tenant_id AND s.schedule_id = w.schedule_id
          LEFT JOIN extsched.timer AS m ON m.tenant_id = w.tenant_id AND m.schedule_id = w.schedule_id
    )
    SELECT '<section><h2 id="worst">What goes wrong</h2>'
           || coalesce('<table><caption>Schedules with most failed, lost and missed times</caption><thead><tr><th scope="col">schedule</th><th scope="col">due</th><th scope="col" class="number">bad</th><th scope="col">most by</th></tr></thead><tbody>'
                       || (SELECT string_agg(s.html, '' ORDER BY s.bad DESC, s.tenant_id, s.schedule_id) FROM schedule_row AS s) || '</tbody></table>',
                       '<p>No time failed, was lost or was missed.</p>')
           || coalesce('<table><caption>Tenants with most times that did not succeed</caption><thead><tr><th scope="col">tenant</th><th scope="col" class="number">not</th><th scope="col" class="number">of</th><th scope="col">most by</th></tr></thead><tbody>'
                       || (SELECT string_agg(t.html, '' ORDER BY t.bad DESC, t.tenant_id) FROM tenant_row AS t) || '</tbody></table>', '')
           || coalesce('<table><caption>Reasons</caption><thead><tr><th scope="col">reason</th><th scope="col">outcome</th><th scope="col" class="number">times</th></tr></thead><tbody>'
                       || (SELECT r.html FROM reason AS r) || '</tbody></table>', '')
           || '</section>'
$$;
REVOKE ALL ON FUNCTION extsched.report_worst(timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_worst(timestamptz, timestamptz, text) IS 'Section of the report: schedules, tenants and reasons behind what did not succeed.';

CREATE FUNCTION extsched.report_stopped(tenant text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH stopped AS (
        SELECT 1 AS place, t.tenant_id, 'all schedules' AS what, 'tenant paused' AS how, t.pause_reason AS why, t.paused_at AS since
          FROM extsched.tenant AS t WHERE t.is_paused
        UNION ALL
        SELECT 2, i.tenant_id, v.name || ' ' || v.label, 'install disabled', NULL, i.updated_at
          FROM extsched.install AS i JOIN extsched.version AS v USING (version_id) WHERE NOT i.enabled
        UNION ALL
        SELECT 3, m.tenant_id, coalesce(s.name, s.schedule_id::text),
               CASE WHEN m.quarantine_reason IS NOT NULL THEN 'quarantined' ELSE 'paused' END,
               coalesce(m.quarantine_reason, m.pause_reason), m.paused_at
          FROM extsched.timer AS m JOIN extsched.schedule AS s USING (tenant_id, schedule_id)
         WHERE m.is_paused OR m.quarantine_reason IS NOT NULL
        UNION ALL
        SELECT 4, s.tenant_id, coalesce(s.name, s.schedule_id::text), 'invalid', s.invalid_reason, s.updated_at
          FROM extsched.schedule AS s WHERE s.invalid_reason IS NOT NULL
    ), counted AS (
        SELECT s.*, row_number() OVER (ORDER BY s.place, s.since DESC NULLS LAST, s.tenant_id, s.what) AS n, count(*) OVER () AS total
          FROM stopped AS s WHERE report_stopped.tenant IS NULL OR s.tenant_id = report_stopped.tenant
    )
    SELECT '<section><h2 id="stopped">What is stopped, and why</h2>'
           || coalesce(format('<p><b id="stopped-total">%s</b> stopped%s.</p><table><caption class="hidden">Stopped tenants, installs and schedules</caption><thead><tr><th scope="col">what</th><th scope="col">how</th><th scope="col">why</th><th scope="col">since</th></tr></thead><tbody>%s</tbody></table>',
                              extsched.report_count(max(c.total)), CASE WHEN max(c.total) > 50 THEN '; the first 50' ELSE '' END,
                              string_agg(format('<tr><th scope="row">%s<span class="remark">%s</span></th><td>%s</td><td>%s</td><td>%s</td></tr>',
                                                extsched.html(c.what), extsched.html(c.tenant_id), c.how,
                                                extsched.html(left(c.why, 300)), extsched.report_time(c.since)), '' ORDER BY c.n) FILTER (WHERE c.n <= 50)),
                       '<p>Nothing is stopped.</p>')
           || '</section>'
      FROM counted AS c
$$;
REVOKE ALL ON FUNCTION extsched.report_stopped(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_stopped(text) IS 'Section of the report: what is paused, disabled, quarantined or invalid, and the reasons given.';

CREATE FUNCTION extsched.report_style() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT $css$
:root{color-scheme:light dark;--page:#f4f5f7;--card:#fff;--ink:#1c2330;--soft:#5b6577;--line:#e1e4ea;--good:#18794e;--fair:#9a5b00;--bad:#c0272d;
--succeeded:#2f9e6e;--failed:#d9363e;--lost:#8e1b4f;--skipped:#e8a33d;--missed:#7d6bd0;--cancelled:#9aa3b2;--live:#3b82c4;
--l1:#dcebf8;--l2:#bcd9f0;--l3:#93c0e4;--l4:#64a2d4;--l5:#3f83c0;--l6:#2a649f;--l7:#5a3d8f;--l8:#b3205c}
@media (prefers-color-scheme:dark){:root{--page:#12161d;--card:#1b212b;--ink:#e8ebf0;--soft:#9aa5b6;--line:#2d3543;--good:#4cc38a;--fair:#f0b04c;--bad:#ff7a80;
--succeeded:#3cb482;--failed:#ef5a61;--lost:#d0568f;--skipped:#e8b04d;--missed:#9c8cf0;--cancelled:#6d7788;--live:#5aa2e0;
--l1:#1f3045;--l2:#23466b;--l3:#2a5f94;--l4:#3a7dbd;--l5:#5a9edb;--l6:#8fc1ee;--l7:#c9a5f2;--l8:#ff8fb8}}
*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1040px;margin:0 auto;padding:24px 16px 40px}header p,footer,.remark,figcaption,.axis{color:var(--soft)}
h1{font-size:1.6rem;line-height:1.2;margin:0 0 4px}h2{font-size:1.15rem;margin:0 0 8px}header p{margin:0 0 16px}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px;margin:0 0 16px;overflow-x:auto}
section[aria-label=Health]{background:none;border:0;padding:0}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;list-style:none;margin:0;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--cancelled);border-radius:12px;padding:12px 14px;display:flex;flex-direction:column}
.tile b{font-size:1.5rem;line-height:1.3}.tile.good{border-top-color:var(--good)}.tile.good b{color:var(--good)}.tile.fair{border-top-color:var(--fair)}.tile.fair b{color:var(--fair)}
.tile.bad{border-top-color:var(--bad)}.tile.bad b{color:var(--bad)}.label{font-size:.85rem}.remark{font-size:.85rem;font-weight:400}th .remark,td .remark{display:block}
p{margin:0 0 12px}table{border-collapse:collapse;width:100%;font-size:.92rem;margin:0 0 14px}caption{text-align:left;font-weight:600;padding:4px 0}
th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}thead th{color:var(--soft);font-weight:500;white-space:nowrap}
tbody th{font-weight:600;min-width:5.5em}.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.bars td,.bars th{border:0;padding:3px 10px 3px 0}.bars tbody th{font-weight:400;white-space:nowrap;width:1%}.wide{width:99%}.bars svg{display:block;width:100%;height:16px;background:var(--page);border-radius:3px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:0 0 12px;padding:0;font-size:.92rem}
.legend i{display:inline-block;width:.8em;height:.8em;border-radius:3px;margin-right:6px}figure{margin:0}figcaption{font-size:.85rem;margin:0 0 6px}
.chart{display:block;width:100%;height:180px;border-bottom:1px solid var(--line)}.axis{display:flex;justify-content:space-between;font-size:.8rem;padding-top:4px;gap:12px}
.axis span{text-align:center}.maps{display:grid;grid-template-columns:repeat(auto-fit,minmax(290px,1fr));gap:18px;margin:0 0 10px}
.hour{display:grid;grid-template-columns:3.2em 1fr 3.6em;gap:6px;align-items:center;font-size:.72rem;line-height:16px;color:var(--soft)}
.hour svg{display:block;width:100%;height:14px;background:var(--page)}.herds{margin:0 0 14px;padding-left:1.4em;font-size:.92rem}code{font-size:.92em}footer{font-size:.85rem}
.succeeded{fill:var(--succeeded);background:var(--succeeded)}.failed{fill:var(--failed);background:var(--failed)}.lost{fill:var(--lost);background:var(--lost)}
.skipped{fill:var(--skipped);background:var(--skipped)}.missed{fill:var(--missed);background:var(--missed)}.cancelled{fill:var(--cancelled);background:var(--cancelled)}.live{fill:var(--live);background:var(--live)}
.l1{fill:var(--l1)}.l2{fill:var(--l2)}.l3{fill:var(--l3)}.l4{fill:var(--l4)}.l5{fill:var(--l5)}.l6{fill:var(--l6)}.l7{fill:var(--l7)}.l8{fill:var(--l8)}
@media print{body{background:none}section{break-inside:avoid}}
$css$ $$;
REVOKE ALL ON FUNCTION extsched.report_style() FROM PUBLIC;
COMMENT ON FUNCTION extsched.report_style() IS 'The style sheet of the report: light and dark, from a phone to paper.';

CREATE FUNCTION @extschema@.extsched_report(from_time timestamptz, to_time timestamptz, tenant text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
BEGIN
    PERFORM extsched.refuse_nulls('from_time', from_time::text, 'to_time', to_time::text);
    IF NOT (isfinite(from_time) AND isfinite(to_time) AND from_time < to_time AND to_time - from_time <= interval '32 days') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid range of a report',
            DETAIL = 'It must end after it begins, and be of 32 days at most: longer ago there is no history.';
    END IF;
    RETURN format('<!DOCTYPE html>%s<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
                  '<meta http-equiv="Content-Security-Policy" content="default-src ''none''; style-src ''unsafe-inline''">'
                  '<title>extsched report</title><style>%s</style></head><body><main>%s', E'\n', extsched.report_style(), E'\n')
        || format('<header><h1>Schedules of %s%s</h1><p>%s to %s UTC</p></header>%s', extsched.html(current_database()),
                  coalesce(', tenant ' || extsched.html(tenant), ''), extsched.report_time(from_time), extsched.report_time(to_time), E'\n')
        || extsched.report_health(from_time, to_time, tenant) || E'\n'
        || extsched.report_outcomes(from_time, to_time, tenant) || E'\n'
        || extsched.report_lateness(from_time, to_time, tenant) || E'\n'
        || extsched.report_load(tenant) || E'\n'
        || extsched.report_worst(from_time, to_time, tenant) || E'\n'
        || extsched.report_stopped(tenant) || E'\n'
        || format('<footer>Made by extsched_report() at %s UTC.</footer></main></body></html>%s',
                  extsched.report_time(extsched.clock_now()), E'\n');
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_report(timestamptz, timestamptz, text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_report(timestamptz, timestamptz, text) IS
'One HTML page about the due times of a range (32 days at most) and about now, of a tenant or of all: health, outcomes over time, lateness, the load of the coming 24 hours by minute and what H would do about it, what goes wrong and what is stopped, with reasons. It needs no network and holds no script; what tenants wrote is shown as text. Its size is bounded; its time grows with the runs of the range. Fails with 22023 on another range, 22004 on a null one.';
