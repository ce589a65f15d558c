--
-- Runs for nominal times of the past.
--

CREATE FUNCTION extsched.nominal_times(cron text, tz text, schedule uuid, starts_at timestamptz, ends_at timestamptz,
                                       from_time timestamptz, to_time timestamptz)
RETURNS SETOF timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH RECURSIVE due (nominal) AS (
        SELECT extsched.next_due(cron, tz, schedule, starts_at, ends_at, from_time - interval '1 microsecond')
        UNION ALL
        SELECT extsched.next_due(cron, tz, schedule, starts_at, ends_at, d.nominal)
          FROM due AS d
         WHERE d.nominal < to_time
    )
    SELECT d.nominal FROM due AS d WHERE d.nominal < to_time
$$;
REVOKE ALL ON FUNCTION extsched.nominal_times(text, text, uuid, timestamptz, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.nominal_times(text, text, uuid, timestamptz, timestamptz, timestamptz, timestamptz) IS
'The nominal times of a schedule from from_time up to, not including, to_time, in order.';

CREATE FUNCTION extsched.oldest_history() RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    now   timestamptz := extsched.clock_now();
    since timestamptz := now - current_setting('extsched.history_retention')::interval;
    first timestamptz;
BEGIN
    -- A partition whose file is not the one it was made with has been
    -- truncated.  When it holds nothing, its day went early: history_max_rows.
    -- The oldest go first, so nothing is missing behind the first day with rows.
    SELECT max(d.day) + interval '24 hours' INTO first
      FROM (SELECT d.day, bool_and(r.is_empty) OVER (ORDER BY d.day) AS is_before_rows
              FROM generate_series(date_trunc('day', since, 'UTC'), now - interval '24 hours', interval '24 hours') AS d (day)
             CROSS JOIN LATERAL (SELECT NOT EXISTS (SELECT FROM extsched.run AS r
                                                     WHERE r.slot = extsched.run_slot(d.day))) AS r (is_empty)) AS d
     WHERE d.is_before_rows
       AND EXISTS (SELECT FROM pg_class AS c
                    WHERE c.oid = format('extsched.run_%s', to_char(extsched.run_slot(d.day), 'FM00'))::regclass
                      AND c.relfilenode <> c.oid);
    RETURN greatest(since, first);
END
$$;
REVOKE ALL ON FUNCTION extsched.oldest_history() FROM PUBLIC;
COMMENT ON FUNCTION extsched.oldest_history() IS
'From when on the history is whole: extsched.history_retention ago, later when days went early for extsched.history_max_rows.';

CREATE FUNCTION extsched.check_backfill(install extsched.install, schedule extsched.schedule, from_time timestamptz,
                                        to_time timestamptz, max_runs integer) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    oldest timestamptz := extsched.oldest_history();
BEGIN
    IF NOT install.enabled THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('install %s is disabled', install.install_id),
            HINT = 'Enable the install first.';
    END IF;
    IF schedule.endpoint_id IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('schedule %s has no endpoint', schedule.schedule_id),
            DETAIL = schedule.invalid_reason;
    END IF;
    IF max_runs NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('invalid max_runs: %s', max_runs),
            HINT = 'Give a number from 1 to 10000.';
    END IF;
    IF NOT isfinite(to_time) OR NOT from_time < to_time THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'the range from from_time to to_time is empty or not finite';
    END IF;
    IF from_time < oldest THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'from_time is older than the kept history',
            DETAIL = format('History is kept from %s on.', oldest),
            HINT = 'What ran before it is not known, so nothing can be filled in there.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_backfill(extsched.install, extsched.schedule, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_backfill(extsched.install, extsched.schedule, timestamptz, timestamptz, integer) IS
'Fails with 55000 when nothing may run, 22023 on a range that is empty, not finite or behind the kept history.';

CREATE FUNCTION @extschema@.extsched_backfill(tenant text, install uuid, schedule uuid, from_time timestamptz,
                                              to_time timestamptz, max_runs integer DEFAULT 100)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    installed extsched.install;
    planned   extsched.schedule;
    state     extsched.timer;
    now       timestamptz;
    made      integer;
BEGIN
    PERFORM extsched.refuse_nulls('tenant', tenant, 'install', install::text, 'schedule', schedule::text,
                                  'from_time', from_time::text, 'to_time', to_time::text,
                                  'max_runs', max_runs::text);
    SELECT i.* INTO installed
      FROM extsched.install AS i
     WHERE i.tenant_id = tenant AND i.install_id = install
       FOR SHARE;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_install(tenant, install);
    END IF;
    SELECT s.* INTO planned
      FROM extsched.schedule AS s
     WHERE s.tenant_id = tenant AND s.install_id = install AND s.schedule_id = schedule
       FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('schedule %s does not exist', schedule);
    END IF;
    SELECT m.* INTO state
      FROM extsched.timer AS m
     WHERE m.tenant_id = tenant AND m.schedule_id = schedule
       FOR UPDATE;
    now := extsched.clock_now();
    PERFORM extsched.check_backfill(installed, planned, from_time, to_time, max_runs);

    INSERT INTO extsched.run (tenant_id, schedule_id, nominal_time, trigger, slot, run_id, install_id, runner, state,
                              waits_for_slot, ready_at, created_at, schedule_name, endpoint_method, endpoint_path)
    SELECT tenant, schedule, t.nominal, 'backfill', extsched.run_slot(t.nominal),
           extsched.run_id(tenant, schedule, t.nominal, 'backfill'), install, installed.runner, 'pending',
           state.in_flight > 0 OR row_number() OVER (ORDER BY t.nominal) > 1,
           now, now, planned.name, planned.endpoint_method, planned.endpoint_path
      FROM extsched.nominal_times(planned.cron, planned.timezone, schedule, planned.starts_at, planned.ends_at,
                                  from_time, least(to_time, state.next_due, now)) AS t (nominal)
     WHERE NOT EXISTS (SELECT FROM extsched.run AS r
                        WHERE r.tenant_id = tenant AND r.schedule_id = schedule AND r.nominal_time = t.nominal
                          AND r.slot = extsched.run_slot(t.nominal)
                          AND (r.trigger = 'backfill'
                               OR r.trigger = 'schedule' AND r.state NOT IN ('missed', 'skipped')))
     ORDER BY t.nominal
     LIMIT max_runs;
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made > 0 THEN
        UPDATE extsched.timer AS m
           SET in_flight = m.in_flight + made
         WHERE m.tenant_id = tenant AND m.schedule_id = schedule;
        PERFORM extsched.audit_write(tenant, 'sql', 'schedule.backfill', install, schedule, planned.name, NULL,
                                     jsonb_build_object('from', from_time, 'to', to_time, 'runs', made));
        PERFORM extsched.wake_at_commit();
    END IF;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_backfill(text, uuid, uuid, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_backfill(text, uuid, uuid, timestamptz, timestamptz, integer) IS
'Makes runs (trigger backfill) for the nominal times from from_time up to, not including, to_time that have no record, or one that says missed or skipped, which stays; the oldest max_runs of them, up to the time that is due next. They run one after another, whatever overlap says, also on a disabled or paused schedule. Returns their number. Fails with 22023 on a range that is empty or reaches back behind the kept history, 42704 when the tenant has no such install or schedule, 55000 on a disabled install or a schedule without an endpoint.';
