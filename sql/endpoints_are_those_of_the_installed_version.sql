-- Host and SQL list the endpoints of the installed version only, by path and
-- method, those that cannot be scheduled too; an upgrade is seen at once.
SELECT regress.register(10, 'POST /b, GET /b, GET /a, DELETE /c, GET /d/:id');
SELECT regress.register(11, 'GET /new, GET /a');
SELECT extsched_install('listed', regress.id(1), regress.id(10), '{cap:scheduler.manage}');
CREATE FUNCTION regress.listed() RETURNS TABLE (face text, endpoints text) LANGUAGE sql AS $$
    SELECT 'SQL', string_agg(format('%s %s %s %s', e.method, e.path, e.handler, e.schedulable::text), ', ')
      FROM extsched_endpoints('listed', regress.id(1)) AS e
    UNION ALL
    SELECT 'host', string_agg(concat_ws(' ', e ->> 'method', e ->> 'path', e ->> 'handler', e ->> 'schedulable'), ', ')
      FROM jsonb_array_elements(extsched_host('listed', regress.id(1), 'getEndpoints') -> 'endpoints') AS e
$$;
SELECT * FROM regress.listed();
-- The ids are those of the table.
SELECT bool_and(EXISTS (SELECT FROM extsched.endpoint AS p WHERE p.endpoint_id = e.id AND p.version_id = regress.id(10))) FROM extsched_endpoints('listed', regress.id(1)) AS e;
SELECT extsched_upgrade_install('listed', regress.id(1), regress.id(11)) ->> 'remapped' AS remapped;
SELECT * FROM regress.listed();
-- A handler that is registered anew is seen at once, too.
SELECT extsched_register_version(regress.id(11), regress.id(1), 'hash11', '{"capabilities": ["cap:scheduler.manage"], "endpoints": [{"method": "GET", "path": "/a", "handler": "renamed"}]}');
SELECT * FROM regress.listed();
DROP FUNCTION regress.listed;
SELECT extsched_drop_tenant('listed'), extsched_drop_version(regress.id(10)), extsched_drop_version(regress.id(11));
