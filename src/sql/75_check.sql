--
-- extsched_check(): is what the tables say true?  The statements below see one
-- snapshot, so that a worker at work makes no false alarm.
--

CREATE FUNCTION extsched.definition_problem(cron text, tz text, schedule uuid, starts_at timestamptz, ends_at timestamptz,
                                            after timestamptz) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM extsched.next_due(cron, tz, schedule, starts_at, ends_at, after);
    RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN sqlerrm;
END
$$;
REVOKE ALL ON FUNCTION extsched.definition_problem(text, text, uuid, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.definition_problem(text, text, uuid, timestamptz, timestamptz, timestamptz) IS
'Why no due time after an instant can be computed for a schedule (its zone went away, the calendar ends); null when one can, or there is none.';

CREATE FUNCTION extsched.check_references()
RETURNS TABLE (tenant text, schedule uuid, problem text, detail jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT NULL, NULL::uuid, 'orphan endpoint', jsonb_build_object('endpoint', p.endpoint_id, 'version', p.version_id)
      FROM extsched.endpoint AS p
     WHERE NOT EXISTS (SELECT FROM extsched.version AS v WHERE v.version_id = p.version_id)
    UNION ALL
    SELECT t.tenant_id, NULL, 'tenant without limiter', '{}'
      FROM extsched.tenant AS t
     WHERE NOT EXISTS (SELECT FROM extsched.tenant_limiter AS l WHERE l.tenant_id = t.tenant_id)
    UNION ALL
    SELECT i.tenant_id, NULL, 'orphan install', jsonb_build_object('install', i.install_id, 'version', i.version_id)
      FROM extsched.install AS i
     WHERE NOT EXISTS (SELECT FROM extsched.tenant AS t WHERE t.tenant_id = i.tenant_id)
        OR NOT EXISTS (SELECT FROM extsched.version AS v
                        WHERE v.version_id = i.version_id AND v.registry_id = i.registry_id)
    UNION ALL
    SELECT i.tenant_id, NULL, 'install without limiter', jsonb_build_object('install', i.install_id)
      FROM extsched.install AS i
     WHERE NOT EXISTS (SELECT FROM extsched.install_limiter AS l
                        WHERE l.tenant_id = i.tenant_id AND l.install_id = i.install_id)
    UNION ALL
    SELECT s.tenant_id, s.schedule_id, 'orphan schedule',
           jsonb_build_object('install', s.install_id, 'version', s.version_id, 'endpoint', s.endpoint_id)
      FROM extsched.schedule AS s
     WHERE NOT EXISTS (SELECT FROM extsched.install AS i
                        WHERE i.tenant_id = s.tenant_id AND i.install_id = s.install_id
                          AND i.version_id = coalesce(s.version_id, i.version_id))
        OR s.endpoint_id IS NOT NULL
           AND NOT EXISTS (SELECT FROM extsched.endpoint AS p
                            WHERE p.endpoint_id = s.endpoint_id AND p.version_id = s.version_id
                              AND p.method = s.endpoint_method AND p.path = s.endpoint_path)
    UNION ALL
    SELECT s.tenant_id, s.schedule_id, 'schedule without timer', '{}'
      FROM extsched.schedule AS s
     WHERE NOT EXISTS (SELECT FROM extsched.timer AS m
                        WHERE m.tenant_id = s.tenant_id AND m.schedule_id = s.schedule_id)
    UNION ALL
    SELECT m.tenant_id, m.schedule_id, 'orphan timer', '{}'
      FROM extsched.timer AS m
     WHERE NOT EXISTS (SELECT FROM extsched.schedule AS s
                        WHERE s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id)
$$;
REVOKE ALL ON FUNCTION extsched.check_references() FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_references() IS
'Rows that lack the row they belong to, which only a change past the foreign keys can bring about.';

CREATE FUNCTION extsched.check_timers()
RETURNS TABLE (tenant text, schedule uuid, problem text, detail jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.tenant_id, m.schedule_id, p.problem,
           jsonb_strip_nulls(jsonb_build_object('nextDue', m.next_due, 'reason', d.problem))
      FROM extsched.timer AS m
      JOIN extsched.schedule AS s ON s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id
     CROSS JOIN LATERAL extsched.definition_problem(s.cron, s.timezone, s.schedule_id, s.starts_at, s.ends_at,
                                                    coalesce(m.next_due - interval '1 microsecond', extsched.clock_now())) AS d (problem)
     CROSS JOIN LATERAL (
           SELECT CASE
                  WHEN m.next_due IS NOT NULL AND NOT s.enabled THEN 'armed though disabled'
                  WHEN NOT s.enabled OR m.quarantine_reason IS NOT NULL THEN NULL
                  WHEN d.problem IS NOT NULL THEN 'unusable definition'
                  WHEN m.next_due IS NULL THEN
                      CASE WHEN extsched.next_due(s.cron, s.timezone, s.schedule_id, s.starts_at, s.ends_at,
                                                  extsched.clock_now()) IS NOT NULL THEN 'not armed' END
                  WHEN extsched.next_due(s.cron, s.timezone, s.schedule_id, s.starts_at, s.ends_at,
                                         m.next_due - interval '1 microsecond') IS DISTINCT FROM m.next_due
                      THEN 'wrong due time'
                  END) AS p (problem)
     WHERE p.problem IS NOT NULL
$$;
REVOKE ALL ON FUNCTION extsched.check_timers() FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_timers() IS
'Timers that do not agree with the definition of their schedule. Disabled and quarantined ones have no due time, which is sound.';

CREATE FUNCTION extsched.check_runs()
RETURNS TABLE (tenant text, schedule uuid, problem text, detail jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH live AS (
        SELECT r.tenant_id, r.schedule_id, count(*) AS runs
          FROM extsched.run AS r
         WHERE r.state IN ('pending', 'running', 'retrying')
         GROUP BY r.tenant_id, r.schedule_id
    )
    SELECT m.tenant_id, m.schedule_id, 'wrong in_flight',
           jsonb_build_object('inFlight', m.in_flight, 'runs', coalesce(l.runs, 0))
      FROM extsched.timer AS m
      LEFT JOIN live AS l ON l.tenant_id = m.tenant_id AND l.schedule_id = m.schedule_id
     WHERE m.in_flight <> coalesce(l.runs, 0)
    UNION ALL
    SELECT r.tenant_id, r.schedule_id, 'orphan run', jsonb_build_object('run', r.run_id, 'state', r.state)
      FROM extsched.run AS r
     WHERE r.state IN ('pending', 'retrying')
       AND NOT EXISTS (SELECT FROM extsched.timer AS m
                        WHERE m.tenant_id = r.tenant_id AND m.schedule_id = r.schedule_id)
    UNION ALL
    SELECT r.tenant_id, r.schedule_id, 'stuck lease',
           jsonb_build_object('run', r.run_id, 'owner', r.lease_owner, 'expiredAt', r.lease_expires_at)
      FROM extsched.run AS r
     WHERE r.state = 'running'
       AND coalesce(r.lease_expires_at, '-infinity') < extsched.clock_now() - interval '1 minute'
$$;
REVOKE ALL ON FUNCTION extsched.check_runs() FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_runs() IS
'Live runs that do not agree with their timer, wait for no schedule, or whose lease ran out more than a minute ago without anybody taking note.';

CREATE FUNCTION extsched.check_records()
RETURNS TABLE (tenant text, schedule uuid, problem text, detail jsonb)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    WITH bound AS MATERIALIZED (
        -- A copy that nobody has adopted came without its history.  A due time
        -- far ahead is looked behind no further than a month.
        SELECT extsched.oldest_history() AS since, extsched.clock_now() + interval '32 days' AS until
         WHERE extsched.identity_state() <> 'copy'
    ), due AS MATERIALIZED (
        SELECT s.tenant_id, s.schedule_id, t.nominal
          FROM bound AS b
          JOIN extsched.timer AS m ON m.next_due > greatest(m.accounted_from, b.since)
          JOIN extsched.schedule AS s ON s.tenant_id = m.tenant_id AND s.schedule_id = m.schedule_id
         CROSS JOIN LATERAL extsched.nominal_times(s.cron, s.timezone, s.schedule_id, s.starts_at, s.ends_at,
                                                   greatest(m.accounted_from, b.since), least(m.next_due, b.until)) AS t (nominal)
         WHERE extsched.definition_problem(s.cron, s.timezone, s.schedule_id, s.starts_at, s.ends_at,
                                           greatest(m.accounted_from, b.since)) IS NULL
    ), record AS (
        SELECT d.tenant_id, d.schedule_id, d.nominal
          FROM due AS d
          JOIN extsched.run AS r ON r.tenant_id = d.tenant_id AND r.schedule_id = d.schedule_id
                                AND r.nominal_time = d.nominal
         WHERE r.trigger = 'schedule' AND r.state <> 'missed'
        UNION ALL
        SELECT d.tenant_id, d.schedule_id, d.nominal
          FROM due AS d
          JOIN extsched.run AS r ON r.tenant_id = d.tenant_id AND r.schedule_id = d.schedule_id
                                AND d.nominal BETWEEN r.missed_first AND r.nominal_time
         WHERE r.trigger = 'schedule' AND r.state = 'missed'
    ), counted AS (
        SELECT n.tenant_id, n.schedule_id, n.nominal, count(*) - 1 AS records
          FROM (SELECT * FROM due UNION ALL SELECT * FROM record) AS n
         GROUP BY n.tenant_id, n.schedule_id, n.nominal
    )
    SELECT c.tenant_id, c.schedule_id,
           CASE WHEN c.records = 0 THEN 'nominal time without record' ELSE 'nominal time with several records' END,
           jsonb_build_object('count', count(*), 'first', min(c.nominal), 'last', max(c.nominal))
      FROM counted AS c
     WHERE c.records <> 1
     GROUP BY c.tenant_id, c.schedule_id, c.records = 0
$$;
REVOKE ALL ON FUNCTION extsched.check_records() FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_records() IS
'Nominal times from accounted_from, or the oldest history, up to next_due that have not exactly one record of trigger schedule, single or within a missed range.';

CREATE FUNCTION @extschema@.extsched_check()
RETURNS TABLE (tenant text, schedule uuid, problem text, detail jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY
        SELECT c.*
          FROM (SELECT * FROM extsched.check_references()
                UNION ALL SELECT * FROM extsched.check_timers()
                UNION ALL SELECT * FROM extsched.check_runs()
                UNION ALL SELECT * FROM extsched.check_records()) AS c
         ORDER BY c.tenant, c.schedule, c.problem, c.detail;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_check() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_check() IS
'Looks for damage; no row means sound. Problems: orphan endpoint, orphan install, orphan schedule, orphan timer, orphan run, tenant or install without limiter, schedule without timer, armed though disabled, not armed, wrong due time, unusable definition, wrong in_flight, stuck lease, nominal time without record or with several records. It computes every nominal time of the kept history: meant for tests and support, not for a dashboard.';
