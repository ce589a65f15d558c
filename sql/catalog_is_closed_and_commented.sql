-- What holds for every object of the extension, asked of the catalogs.  Each
-- query lists violations, so none has a row.
CREATE VIEW regress.member AS
SELECT d.classid, d.objid FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE e.extname = 'extsched' AND d.deptype = 'e';

-- PUBLIC has nothing.
SELECT p.oid::regprocedure AS open_to_public FROM regress.member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
 WHERE p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0);
SELECT c.oid::regclass AS open_to_public FROM regress.member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
 WHERE EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee = 0);
SELECT has_schema_privilege('public', 'extsched', 'USAGE') OR has_schema_privilege('public', 'extsched', 'CREATE') AS schema_open_to_public;

-- One role owns it all.
SELECT pg_describe_object(m.classid, m.objid, 0) AS of_another_owner FROM regress.member AS m
  LEFT JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  LEFT JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
  LEFT JOIN pg_namespace AS n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid
  LEFT JOIN pg_type AS t ON m.classid = 'pg_type'::regclass AND t.oid = m.objid
 WHERE coalesce(p.proowner, c.relowner, n.nspowner, t.typowner) <> (SELECT e.extowner FROM pg_extension AS e WHERE e.extname = 'extsched');

-- No role but the owner holds anything on a table.
SELECT c.oid::regclass AS open_to_others FROM regress.member AS m JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
 WHERE c.relkind IN ('r', 'p') AND EXISTS (SELECT FROM aclexplode(c.relacl) AS a WHERE a.grantee <> c.relowner);

-- What is definer's, SQL or PL pins its search_path.
SELECT p.oid::regprocedure AS search_path_not_pinned FROM regress.member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  JOIN pg_language AS l ON l.oid = p.prolang
 WHERE (p.prosecdef OR l.lanname IN ('sql', 'plpgsql'))
   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);

-- A function in the caller's schema that reads tables does so as the owner.
SELECT p.oid::regprocedure AS runs_as_the_caller FROM regress.member AS m JOIN pg_proc AS p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
  JOIN pg_language AS l ON l.oid = p.prolang
 WHERE NOT p.prosecdef AND p.proname LIKE 'extsched\_%' AND (l.lanname IN ('sql', 'plpgsql') OR p.proconfig IS NOT NULL);

-- Everything has a comment: functions, tables, views, types, columns of tables.
SELECT pg_describe_object(m.classid, m.objid, 0) AS without_comment FROM regress.member AS m
  LEFT JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
 WHERE (m.classid IN ('pg_proc'::regclass, 'pg_namespace'::regclass) OR c.relkind IN ('r', 'p', 'v')
        OR m.classid = 'pg_type'::regclass AND EXISTS (SELECT FROM pg_type AS t JOIN pg_class AS r ON r.oid = t.typrelid WHERE t.oid = m.objid AND r.relkind = 'c'))
   AND obj_description(m.objid, m.classid::regclass::name) IS NULL;
SELECT c.oid::regclass AS in_table, a.attname AS column_without_comment FROM regress.member AS m
  JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND col_description(c.oid, a.attnum) IS NULL;

-- Every key of a tenant's table begins with the tenant.
SELECT i.indexrelid::regclass AS key_without_tenant FROM regress.member AS m
  JOIN pg_class AS c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
  JOIN pg_attribute AS t ON t.attrelid = c.oid AND t.attname = 'tenant_id'
  JOIN pg_index AS i ON i.indrelid = c.oid
 WHERE c.relkind IN ('r', 'p') AND i.indisunique AND i.indkey[0] <> t.attnum;

-- Every table of a tenant refers to its parents by keys that begin with the
-- tenant, and none cascades.
SELECT k.conname AS foreign_key_without_tenant FROM pg_constraint AS k
  JOIN pg_attribute AS t ON t.attrelid = k.conrelid AND t.attname = 'tenant_id'
  JOIN pg_attribute AS r ON r.attrelid = k.confrelid AND r.attname = 'tenant_id'
 WHERE k.contype = 'f' AND k.connamespace = 'extsched'::regnamespace AND (k.conkey[1] <> t.attnum OR k.confkey[1] <> r.attnum);
SELECT k.conname AS cascades FROM pg_constraint AS k
 WHERE k.contype = 'f' AND k.connamespace = 'extsched'::regnamespace AND (k.confdeltype NOT IN ('r', 'a') OR k.confupdtype NOT IN ('r', 'a'));

-- The tables that must be: length limits, nullable last-run fields and payload,
-- one endpoint for a (version, method, path), lists led by (tenant, install).
SELECT a.attrelid::regclass AS in_table, a.attname, a.attnotnull FROM pg_attribute AS a
 WHERE a.attrelid IN ('extsched.schedule'::regclass, 'extsched.timer'::regclass)
   AND a.attname IN ('payload', 'name', 'last_run_at', 'last_run_status', 'last_error', 'cron', 'timezone') ORDER BY 1, 2;
SELECT regress.error(format('INSERT INTO extsched.endpoint (version_id, method, path, handler, schedulable) VALUES (regress.id(1), %s, false)', v)) ~ '^23514' AS refused
  FROM unnest(ARRAY[$$'get', '/a', 'h'$$, $$'GET', 'a', 'h'$$, $$'GET', '/' || repeat('a', 2048), 'h'$$, $$'GET', '/a?b', 'h'$$, $$'GET', '/a', ''$$]) AS v;
SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'extsched.endpoint'::regclass AND contype = 'u' ORDER BY 2;
SELECT count(*) > 0 AS has_index_for_lists FROM pg_index AS i
 WHERE i.indrelid = 'extsched.schedule'::regclass AND pg_get_indexdef(i.indexrelid) LIKE '%(tenant_id, install_id, created_at, schedule_id)';

DROP VIEW regress.member;
