-- Calls are counted by operation and status, also when they were refused or
-- rolled back.
CREATE TABLE regress.before AS SELECT * FROM extsched.stat_api;
CREATE FUNCTION regress.counted() RETURNS TABLE (operation text, status text, calls bigint)
LANGUAGE sql
AS $$
    SELECT a.operation, a.status, a.calls - coalesce(b.calls, 0)
      FROM extsched.stat_api AS a LEFT JOIN regress.before AS b USING (operation, status)
     WHERE a.calls > coalesce(b.calls, 0)
     ORDER BY 1, 2
$$;

BEGIN;
SELECT extsched_host('nobody', regress.id(1), 'list') ->> 'code' AS code;
SELECT extsched_host(NULL, regress.id(1), 'list') ->> 'code' AS code;
ROLLBACK;
SELECT extsched_host('nobody', regress.id(1), 'create', '{}') ->> 'code' AS code;
SELECT extsched_host('nobody', regress.id(1), 'no such operation', '{}') ->> 'code' AS code;
SELECT * FROM regress.counted();

DROP FUNCTION regress.counted();
DROP TABLE regress.before;
