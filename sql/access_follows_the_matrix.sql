-- extsched_grant gives exactly the functions and views of an access: every
-- function is called as each role, every view is read.
CREATE ROLE regress_host;
CREATE ROLE regress_runner;
CREATE ROLE regress_admin;
CREATE ROLE regress_monitor;
CREATE ROLE regress_nobody;
SELECT extsched_grant('regress_host', 'host'), extsched_grant('regress_runner', 'runner', 'blue'),
       extsched_grant('regress_admin', 'admin'), extsched_grant('regress_monitor', 'monitor');
SELECT * FROM extsched.access_grant ORDER BY role_name;

-- The matrix names what there is, and every public object is in it or the
-- owner's alone.
SELECT m.object AS named_but_absent FROM extsched.access_matrix() AS m
 WHERE CASE m.kind WHEN 'function' THEN NOT EXISTS (SELECT FROM pg_proc WHERE proname = m.object)
                   ELSE NOT EXISTS (SELECT FROM pg_class WHERE relname = m.object AND relnamespace = 'extsched'::regnamespace) END;
SELECT p.proname AS only_the_owner FROM pg_proc AS p
  JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 WHERE p.proname LIKE 'extsched\_%' AND p.proname NOT IN (SELECT object FROM extsched.access_matrix()) ORDER BY 1;
SELECT c.relname AS only_the_owner FROM pg_class AS c
 WHERE c.relkind = 'v' AND c.relnamespace = 'extsched'::regnamespace AND c.relname NOT IN (SELECT object FROM extsched.access_matrix()) ORDER BY 1;

-- Called with nulls (that no planner can see): whatever else a function says, it
-- says 42501 to whom it is not for, and to nobody else.  Each call is undone.
CREATE FUNCTION regress.may(role name, statement text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    answer text := 'ok';
    said   text;
BEGIN
    BEGIN
        EXECUTE format('SET LOCAL ROLE %I', role);
        EXECUTE statement;
        RAISE EXCEPTION USING ERRCODE = 'P0099';
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS answer = RETURNED_SQLSTATE, said = MESSAGE_TEXT;
    END;
    RETURN answer <> '42501' OR said !~ '^permission denied for (function|view|table|schema)';
END
$$;
CREATE VIEW regress.object AS
SELECT m.kind, m.object, m.access,
       CASE m.kind WHEN 'function'
            THEN format('SELECT %s(%s)', p.oid::regproc,
                        (SELECT string_agg(format('(SELECT NULL::%s)', a.type::regtype), ', ' ORDER BY a.n) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n)))
            ELSE format('SELECT count(*) FROM extsched.%I', m.object) END AS statement
  FROM extsched.access_matrix() AS m
  LEFT JOIN pg_proc AS p ON m.kind = 'function' AND p.proname = m.object
   AND EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
 WHERE m.kind = 'view' OR m.object LIKE 'extsched\_%';
SELECT o.object, o.access, string_agg(substr(r.role, 9), ',' ORDER BY r.role) FILTER (WHERE regress.may(r.role::name, o.statement)) AS may
  FROM regress.object AS o
 CROSS JOIN unnest(ARRAY['regress_admin', 'regress_host', 'regress_monitor', 'regress_nobody', 'regress_runner']) AS r (role)
 GROUP BY o.object, o.access ORDER BY o.access, o.object COLLATE "C";
-- And in one figure: where matrix and truth differ.
SELECT count(*) AS differences FROM regress.object AS o
 CROSS JOIN unnest(ARRAY['admin', 'host', 'monitor', 'nobody', 'runner']) AS r (access)
 WHERE regress.may(('regress_' || r.access)::name, o.statement) <> (r.access = ANY (o.access));

-- No role reaches a table, the granting itself, or an internal function but
-- those that the views call.
SELECT count(*) AS reached FROM pg_class AS c CROSS JOIN unnest(ARRAY['host', 'runner', 'admin', 'monitor', 'nobody']) AS r (access)
 WHERE c.relnamespace = 'extsched'::regnamespace AND c.relkind IN ('r', 'p')
   AND has_table_privilege('regress_' || r.access, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SELECT p.proname AS reached, string_agg(r.access, ',' ORDER BY r.access) AS by FROM pg_proc AS p
 CROSS JOIN unnest(ARRAY['host', 'runner', 'admin', 'monitor', 'nobody']) AS r (access)
 WHERE p.pronamespace = 'extsched'::regnamespace AND has_function_privilege('regress_' || r.access, p.oid, 'EXECUTE')
 GROUP BY p.proname ORDER BY p.proname COLLATE "C";
SELECT access, regress.may(('regress_' || access)::name, 'SELECT extsched_grant(''regress_nobody'', ''admin'')') AS may_grant
  FROM unnest(ARRAY['host', 'runner', 'admin', 'monitor']) AS access;

-- Access adds up, and revoking one leaves what the others give.
SELECT extsched_grant('regress_monitor', 'admin'), extsched_revoke('regress_monitor', 'monitor');
SELECT regress.may('regress_monitor', 'SELECT count(*) FROM extsched.runs') AS still_reads, regress.may('regress_monitor', 'SELECT extsched_drop_version(NULL)') AS may_change;
SELECT extsched_revoke('regress_monitor', 'admin');
SELECT regress.may('regress_monitor', 'SELECT count(*) FROM extsched.runs') AS still_reads;

-- A Runner's role may have several Runners; each is taken back by name, or all.
SELECT extsched_grant('regress_runner', 'runner', 'green'), extsched_grant('regress_runner', 'runner', 'red');
SELECT extsched_revoke('regress_runner', 'runner', 'green');
SELECT runner FROM extsched.access_grant WHERE role_name = 'regress_runner' ORDER BY runner;
SELECT extsched_revoke('regress_runner', 'runner');
SELECT regress.may('regress_runner', 'SELECT extsched_claim(''blue'')') AS may_claim;

-- Stored grants are applied again to what an upgrade makes anew.
REVOKE EXECUTE ON FUNCTION extsched_host FROM regress_host;
SELECT regress.may('regress_host', 'SELECT extsched_host(NULL, NULL, NULL)') AS may_call;
SELECT extsched.apply_all_access();
SELECT regress.may('regress_host', 'SELECT extsched_host(NULL, NULL, NULL)') AS may_call;

-- Refusals.
SELECT call, o.outcome, o.message
  FROM unnest(ARRAY[$$extsched_grant(NULL, 'host')$$, $$extsched_grant('regress_host', NULL)$$, $$extsched_grant('regress_host', 'owner')$$,
                    $$extsched_grant('regress_host', 'runner')$$, $$extsched_grant('regress_host', 'runner', 'No Name')$$,
                    $$extsched_grant('regress_host', 'host', 'blue')$$, $$extsched_grant('regress_absent', 'host')$$, $$extsched_grant(0::regrole, 'host')$$,
                    $$extsched_revoke(NULL, 'host')$$, $$extsched_revoke('regress_host', 'owner')$$]) AS call,
       regress.outcome('SELECT ' || call) AS o;

-- Granting and revoking is on record, once.
SELECT extsched_grant('regress_host', 'host');
SELECT action, object_name, before, after FROM extsched.audit_log WHERE action LIKE 'access.%' ORDER BY at;

-- After its last access nothing of the extension keeps a role from being dropped.
SELECT extsched_revoke('regress_host', 'host'), extsched_revoke('regress_admin', 'admin');
DROP VIEW regress.object;
DROP FUNCTION regress.may;
DROP ROLE regress_host, regress_runner, regress_admin, regress_monitor, regress_nobody;
SELECT count(*) FROM extsched.access_grant;
