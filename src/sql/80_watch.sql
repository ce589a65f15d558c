--
-- Watching: counters and processes from shared memory, the state at a glance,
-- and metrics.
--

CREATE FUNCTION extsched.stat_api_counters(OUT operation text, OUT status text, OUT calls bigint,
                                           OUT seconds double precision) RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_stat_api_counters';
REVOKE ALL ON FUNCTION extsched.stat_api_counters() FROM PUBLIC;
COMMENT ON FUNCTION extsched.stat_api_counters() IS
'Calls of the API in this database since the server started: behind extsched.stat_api.';

CREATE FUNCTION extsched.stat_dispatch_counters(OUT state text, OUT reason text, OUT trigger text, OUT runs bigint,
                                                OUT dispatched bigint, OUT lateness_seconds double precision,
                                                OUT duration_seconds double precision) RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_stat_dispatch_counters';
REVOKE ALL ON FUNCTION extsched.stat_dispatch_counters() FROM PUBLIC;
COMMENT ON FUNCTION extsched.stat_dispatch_counters() IS
'Ended runs in this database since the server started: behind extsched.stat_dispatch.';

CREATE FUNCTION extsched.stat_event_counters(OUT event text, OUT n bigint) RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_stat_event_counters';
REVOKE ALL ON FUNCTION extsched.stat_event_counters() FROM PUBLIC;
COMMENT ON FUNCTION extsched.stat_event_counters() IS
'What else was counted in this database since the server started: behind extsched.stat_events.';

CREATE FUNCTION extsched.stat_worker_slots(OUT n integer, OUT pid integer, OUT state text, OUT why text,
                                           OUT started_at timestamptz, OUT heartbeat_at timestamptz,
                                           OUT in_flight integer, OUT queued integer, OUT restarts integer,
                                           OUT epoch bigint) RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_stat_worker_slots';
REVOKE ALL ON FUNCTION extsched.stat_worker_slots() FROM PUBLIC;
COMMENT ON FUNCTION extsched.stat_worker_slots() IS
'The workers of this database: behind extsched.stat_workers.';

CREATE FUNCTION extsched.shared_state(OUT preloaded boolean, OUT has_launcher boolean, OUT workers_wanted integer,
                                      OUT out_of_slots boolean, OUT databases_full boolean, OUT library_version text,
                                      OUT enabled boolean) RETURNS record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_shared_state';
REVOKE ALL ON FUNCTION extsched.shared_state() FROM PUBLIC;
COMMENT ON FUNCTION extsched.shared_state() IS
'What the launcher knows of this database, and what this session knows of the library.';

CREATE FUNCTION extsched.stat_histogram_counters(OUT histogram text, OUT operation text,
                                                 OUT le double precision[], OUT counts bigint[],
                                                 OUT sum_seconds double precision, OUT n bigint) RETURNS SETOF record
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_stat_histogram_counters';
REVOKE ALL ON FUNCTION extsched.stat_histogram_counters() FROM PUBLIC;
COMMENT ON FUNCTION extsched.stat_histogram_counters() IS
'How long runs and calls took in this database since the server started: behind extsched.stat_histograms.';

CREATE FUNCTION extsched.metrics_counters(is_old boolean) RETURNS text
LANGUAGE C VOLATILE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_metrics_counters';
REVOKE ALL ON FUNCTION extsched.metrics_counters(boolean) FROM PUBLIC;
COMMENT ON FUNCTION extsched.metrics_counters(boolean) IS
'The part of extsched_metrics() that comes from shared memory; in the text format of Prometheus from before OpenMetrics when is_old.';

CREATE VIEW extsched.stat_api AS
SELECT c.operation, c.status, c.calls, c.seconds
  FROM extsched.stat_api_counters() AS c;
REVOKE ALL ON extsched.stat_api FROM PUBLIC;
COMMENT ON VIEW extsched.stat_api IS 'Calls of the API in this database since the server started, also of those that were rolled back. Empty when the library is not preloaded.';
COMMENT ON COLUMN extsched.stat_api.operation IS 'What was called.';
COMMENT ON COLUMN extsched.stat_api.status IS 'ok, validation_failed, denied, not_found, quota_exceeded, rate_limited or internal_error.';
COMMENT ON COLUMN extsched.stat_api.calls IS 'How often.';
COMMENT ON COLUMN extsched.stat_api.seconds IS 'Time spent in these calls together.';

CREATE VIEW extsched.stat_dispatch AS
SELECT c.state, c.reason, c.trigger, c.runs, c.dispatched, c.lateness_seconds, c.duration_seconds
  FROM extsched.stat_dispatch_counters() AS c
UNION ALL
SELECT 'running', NULL, NULL, sum(w.in_flight), NULL, NULL, NULL
  FROM extsched.stat_worker_slots() AS w
HAVING count(*) > 0;
REVOKE ALL ON extsched.stat_dispatch FROM PUBLIC;
COMMENT ON VIEW extsched.stat_dispatch IS 'Runs that ended in this database since the server started, by how, and one row for those in flight now. Empty when the library is not preloaded.';
COMMENT ON COLUMN extsched.stat_dispatch.state IS 'Terminal state; or running, for the requests that are out now.';
COMMENT ON COLUMN extsched.stat_dispatch.reason IS 'Why it ended otherwise than succeeded; null after a success.';
COMMENT ON COLUMN extsched.stat_dispatch.trigger IS 'schedule, manual or backfill.';
COMMENT ON COLUMN extsched.stat_dispatch.runs IS 'How many.';
COMMENT ON COLUMN extsched.stat_dispatch.dispatched IS 'How many of them were dispatched at all.';
COMMENT ON COLUMN extsched.stat_dispatch.lateness_seconds IS 'Lateness of the dispatched ones together.';
COMMENT ON COLUMN extsched.stat_dispatch.duration_seconds IS 'Time from first dispatch to the end of the dispatched ones together.';

CREATE VIEW extsched.stat_events AS
SELECT c.event, c.n
  FROM extsched.stat_event_counters() AS c;
REVOKE ALL ON extsched.stat_events FROM PUBLIC;
COMMENT ON VIEW extsched.stat_events IS 'What else is counted in this database since the server started. Empty when the library is not preloaded.';
COMMENT ON COLUMN extsched.stat_events.event IS 'Name; extsched_metrics() describes each.';
COMMENT ON COLUMN extsched.stat_events.n IS 'How often.';

CREATE VIEW extsched.stat_histograms AS
SELECT c.histogram, c.operation, c.n, c.sum_seconds, c.le, c.counts
  FROM extsched.stat_histogram_counters() AS c;
REVOKE ALL ON extsched.stat_histograms FROM PUBLIC;
COMMENT ON VIEW extsched.stat_histograms IS 'How long runs and calls of the API took in this database since the server started. Empty when the library is not preloaded.';
COMMENT ON COLUMN extsched.stat_histograms.histogram IS 'run_lateness (first dispatch minus nominal time), run_duration (first dispatch to end) or api_call.';
COMMENT ON COLUMN extsched.stat_histograms.operation IS 'What was called; null for runs.';
COMMENT ON COLUMN extsched.stat_histograms.n IS 'How many were measured.';
COMMENT ON COLUMN extsched.stat_histograms.sum_seconds IS 'Their seconds together.';
COMMENT ON COLUMN extsched.stat_histograms.le IS 'Bounds in seconds.';
COMMENT ON COLUMN extsched.stat_histograms.counts IS 'How many took at most the bound of the same place.';

CREATE VIEW extsched.stat_workers AS
SELECT w.n, w.pid, w.state, w.why, w.started_at, w.heartbeat_at, w.in_flight, w.queued, w.restarts, w.epoch
  FROM extsched.stat_worker_slots() AS w;
REVOKE ALL ON extsched.stat_workers FROM PUBLIC;
COMMENT ON VIEW extsched.stat_workers IS 'The workers of this database, also those that should be and are not. Empty when the library is not preloaded.';
COMMENT ON COLUMN extsched.stat_workers.n IS 'Number of the worker, from 0.';
COMMENT ON COLUMN extsched.stat_workers.pid IS 'Its process; null when there is none.';
COMMENT ON COLUMN extsched.stat_workers.state IS 'absent, launched, starting, running or paused.';
COMMENT ON COLUMN extsched.stat_workers.why IS 'Why it is paused; null when it is not.';
COMMENT ON COLUMN extsched.stat_workers.started_at IS 'When the process started.';
COMMENT ON COLUMN extsched.stat_workers.heartbeat_at IS 'When it last went round its loop; an idle worker does once a minute.';
COMMENT ON COLUMN extsched.stat_workers.in_flight IS 'Requests that are out.';
COMMENT ON COLUMN extsched.stat_workers.queued IS 'Runs that wait in its memory.';
COMMENT ON COLUMN extsched.stat_workers.restarts IS 'How often it was started again after it was killed or failed.';
COMMENT ON COLUMN extsched.stat_workers.epoch IS 'Its part of the fence; null before it has run anything.';

-- Few rows are in these, whatever is in the tables.
CREATE INDEX timer_stopped ON extsched.timer (tenant_id, schedule_id) WHERE is_paused OR quarantine_reason IS NOT NULL;
CREATE INDEX tenant_paused ON extsched.tenant (tenant_id) WHERE is_paused;

CREATE FUNCTION extsched.why_not_running() RETURNS text
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    shared  record;
    running integer;
    why     text;
    lack    text := 'no worker runs';
BEGIN
    SELECT * INTO shared FROM extsched.shared_state();
    IF extsched.identity_state() = 'copy' THEN
        RETURN 'this database is a copy: call extsched_adopt()';
    ELSIF NOT shared.preloaded THEN
        RETURN 'no worker runs: add extsched to shared_preload_libraries and restart the server';
    ELSIF pg_is_in_recovery() THEN
        RETURN 'no worker runs: the server is in recovery';
    END IF;

    SELECT count(*) FILTER (WHERE w.state = 'running' AND w.n < shared.workers_wanted), min(w.why)
      INTO running, why
      FROM extsched.stat_worker_slots() AS w;
    IF running > 0 THEN
        lack := format('only %s of %s workers run', running, shared.workers_wanted);
    END IF;
    IF why IS NOT NULL THEN
        RETURN why;
    ELSIF running > 0 AND running >= shared.workers_wanted THEN
        RETURN NULL;
    ELSIF shared.out_of_slots THEN
        RETURN 'out of worker slots: raise max_worker_processes and restart the server';
    ELSIF shared.databases_full THEN
        RETURN lack || ': too many databases have the extension';
    ELSIF NOT shared.has_launcher THEN
        RETURN lack || ': the launcher is not there; it could not be started, or comes back within a second';
    ELSIF shared.workers_wanted = 0 AND current_setting('extsched.workers_per_database')::integer = 0 THEN
        RETURN 'no worker runs: extsched.workers_per_database is 0';
    END IF;
    RETURN lack || ' yet: one is being started';
END
$$;
REVOKE ALL ON FUNCTION extsched.why_not_running() FROM PUBLIC;
COMMENT ON FUNCTION extsched.why_not_running() IS
'Why schedules of this database do not run, and what to do; null when they do.';

CREATE FUNCTION @extschema@.extsched_status() RETURNS jsonb
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Counting stops here, so that a glance is cheap whatever the backlog.
    cap constant  integer := 10000;
    now           timestamptz := extsched.clock_now();
    shared        record;
    why           text := extsched.why_not_running();
    clock_offset  interval := current_setting('extsched.clock_offset')::interval;
    next_due      timestamptz;
    oldest_ready  timestamptz;
    result        jsonb;
BEGIN
    SELECT * INTO shared FROM extsched.shared_state();
    SELECT min(t.next_due) INTO next_due FROM extsched.timer AS t WHERE t.next_due IS NOT NULL;
    SELECT min(r.nominal_time) INTO oldest_ready
      FROM (SELECT p.nominal_time
              FROM extsched.run AS p
             WHERE p.state IN ('pending', 'retrying') AND NOT p.waits_for_slot
               AND p.dispatched_at IS NULL AND p.ready_at <= now
             LIMIT cap) AS r;

    result := jsonb_build_object(
        'running', why IS NULL,
        'why', why,
        'preloaded', shared.preloaded,
        'enabled', shared.enabled,
        'identity', extsched.identity_state(),
        'workers_wanted', shared.workers_wanted,
        'workers', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'n', w.n, 'pid', w.pid, 'state', w.state, 'why', w.why,
                               'heartbeat_age_s', round(extract(epoch FROM clock_timestamp() - w.heartbeat_at), 3),
                               'in_flight', w.in_flight, 'queued', w.queued, 'restarts', w.restarts)
                           ORDER BY w.n), '[]')
                      FROM extsched.stat_worker_slots() AS w),
        'next_due', next_due,
        'due_now', (SELECT count(*)
                      FROM (SELECT FROM extsched.timer AS t WHERE t.next_due <= now LIMIT cap) AS due),
        'waiting', (SELECT count(*)
                      FROM (SELECT FROM extsched.run AS r
                             WHERE r.state IN ('pending', 'retrying') AND NOT r.waits_for_slot LIMIT cap) AS waiting),
        'in_flight', (SELECT count(*)
                        FROM (SELECT FROM extsched.run AS r WHERE r.state = 'running' LIMIT cap) AS running),
        'oldest_overdue_s', round(extract(epoch FROM now - least(
                                CASE WHEN next_due <= now THEN next_due END, oldest_ready)), 3),
        'paused_tenants', (SELECT count(*)
                             FROM (SELECT FROM extsched.tenant AS t WHERE t.is_paused LIMIT cap) AS paused),
        'paused_schedules', (SELECT count(*)
                               FROM (SELECT FROM extsched.timer AS t WHERE t.is_paused LIMIT cap) AS paused),
        'quarantined_schedules', (SELECT count(*)
                                    FROM (SELECT FROM extsched.timer AS t
                                           WHERE t.quarantine_reason IS NOT NULL LIMIT cap) AS quarantined),
        'history_since', extsched.oldest_history(),
        'history_days_cut', (SELECT e.n FROM extsched.stat_event_counters() AS e WHERE e.event = 'early_prunes'),
        'counted_up_to', cap,
        'library_version', shared.library_version,
        'extension_version', (SELECT e.extversion FROM pg_extension AS e WHERE e.extname = 'extsched'));
    IF clock_offset <> interval '0' THEN
        result := result || jsonb_build_object('clock_offset_s', extract(epoch FROM clock_offset)::bigint);
    END IF;
    RETURN result;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_status() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_status() IS
'The scheduler of this database at a glance: whether it runs and why not, its workers, what is due, waiting and in flight, what is paused, from when on the history is whole and how many days of it went early since the server started. Counts stop at counted_up_to.';

CREATE VIEW extsched.stat_now AS
SELECT (s.status ->> 'running')::boolean AS running,
       s.status ->> 'why' AS why,
       s.status ->> 'identity' = 'copy' AS copy,
       (s.status ->> 'due_now')::bigint AS due_schedules,
       (s.status ->> 'waiting')::bigint AS waiting_runs,
       (s.status ->> 'in_flight')::bigint AS in_flight_runs,
       coalesce((s.status ->> 'oldest_overdue_s')::double precision, 0) AS oldest_overdue_seconds,
       (s.status ->> 'paused_tenants')::bigint AS paused_tenants,
       (s.status ->> 'paused_schedules')::bigint AS paused_schedules,
       (s.status ->> 'quarantined_schedules')::bigint AS quarantined_schedules
  FROM @extschema@.extsched_status() AS s (status);
REVOKE ALL ON extsched.stat_now FROM PUBLIC;
COMMENT ON VIEW extsched.stat_now IS 'The state of this database in one row: extsched_status() for monitoring. Counts stop at its counted_up_to.';
COMMENT ON COLUMN extsched.stat_now.running IS 'Whether schedules run in this database.';
COMMENT ON COLUMN extsched.stat_now.why IS 'Why they do not, and what to do; null when they do.';
COMMENT ON COLUMN extsched.stat_now.copy IS 'Whether this database is a copy that was not adopted.';
COMMENT ON COLUMN extsched.stat_now.due_schedules IS 'Due times that no worker has claimed yet; counted up to a bound.';
COMMENT ON COLUMN extsched.stat_now.waiting_runs IS 'Runs that wait for an attempt; counted up to a bound.';
COMMENT ON COLUMN extsched.stat_now.in_flight_runs IS 'Runs with an attempt under way; counted up to a bound.';
COMMENT ON COLUMN extsched.stat_now.oldest_overdue_seconds IS 'Age of the oldest nominal time that was not dispatched yet.';
COMMENT ON COLUMN extsched.stat_now.paused_tenants IS 'Tenants that are paused; counted up to a bound.';
COMMENT ON COLUMN extsched.stat_now.paused_schedules IS 'Schedules that are paused; counted up to a bound.';
COMMENT ON COLUMN extsched.stat_now.quarantined_schedules IS 'Schedules in quarantine; counted up to a bound.';

CREATE FUNCTION @extschema@.extsched_metrics(format text DEFAULT 'openmetrics') RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    gauges text;
BEGIN
    PERFORM extsched.refuse_nulls('format', format);
    IF format NOT IN ('openmetrics', 'prometheus') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = pg_catalog.format('unknown format "%s"', left(format, 100)),
            HINT = 'Use "openmetrics" or "prometheus".';
    END IF;
    -- The gauges are the numbers of the view; its comments describe them.
    SELECT string_agg(pg_catalog.format(E'# TYPE extsched_%s gauge\n# HELP extsched_%s %s\nextsched_%s %s\n',
                                        g.key, g.key, col_description(a.attrelid, a.attnum), g.key,
                                        CASE g.value WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE g.value END), ''
                      ORDER BY g.key)
      INTO gauges
      FROM extsched.stat_now AS n
     CROSS JOIN jsonb_each_text(to_jsonb(n) - 'why') AS g
      JOIN pg_attribute AS a ON a.attrelid = 'extsched.stat_now'::regclass AND a.attname = g.key;
    -- No line feed behind the end mark: psql adds one, and a second is an error.
    RETURN extsched.metrics_counters(format = 'prometheus') || gauges ||
           CASE format WHEN 'openmetrics' THEN '# EOF' ELSE '' END;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_metrics(text) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_metrics(text) IS
'The counters and gauges of this database as OpenMetrics text, or with prometheus in the text format from before it, which node_exporter reads from files. Labels come from fixed lists: no tenant, install or schedule is named. Fails with 22023 on another format.';
