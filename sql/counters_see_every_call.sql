-- Calls of administrative functions are counted by operation and status, those
-- that fail as well, whatever language the function is written in.
CREATE FUNCTION pg_temp.calls() RETURNS TABLE (operation text, status text, calls bigint)
LANGUAGE sql AS $$
    SELECT s.operation, s.status, s.calls
      FROM extsched.stat_api AS s
     WHERE s.operation IN ('pause_tenant', 'resume_tenant', 'disable_all', 'preview_request', 'getEndpoints')
$$;
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.calls();

\set VERBOSITY sqlstate
BEGIN;
SELECT extsched_pause_tenant('counted', 'to be counted');
ROLLBACK;
SELECT extsched_resume_tenant('nobody');
SELECT extsched_disable_all(NULL, NULL);
SELECT extsched_preview_request('nobody', gen_random_uuid(), gen_random_uuid());
SELECT * FROM extsched_endpoints('nobody', gen_random_uuid());

SELECT a.operation, a.status, a.calls - coalesce(b.calls, 0) AS new_calls
  FROM pg_temp.calls() AS a LEFT JOIN before AS b USING (operation, status)
 WHERE a.calls > coalesce(b.calls, 0)
 ORDER BY 1, 2;
