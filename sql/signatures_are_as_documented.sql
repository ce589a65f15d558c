-- Every function of the API has the signature and the defaults that users call
-- it by, and every row type its columns.
SELECT p.proname || '(' || pg_get_function_arguments(p.oid) || ') returns ' || pg_get_function_result(p.oid) AS signature
  FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
 WHERE p.proname LIKE 'extsched\_%' ORDER BY p.proname COLLATE "C";
SELECT c.relname || ' (' || string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attnum) || ')' AS row_type
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE c.relnamespace = 'extsched'::regnamespace AND c.relkind = 'c' GROUP BY c.relname ORDER BY c.relname;
