-- Registering a version again is safe: ids stay, nothing is written for
-- nothing, and what a schedule uses cannot go.
SELECT regress.register(30, 'GET /a, POST /b, GET /c');
SELECT extsched_install('reused', regress.id(1), regress.id(30), '{cap:scheduler.manage}');
SELECT extsched_create('reused', regress.id(1), 'POST /b', '0 * * * *') IS NOT NULL AS created;
CREATE TABLE regress.before AS SELECT e.*, e.xmin::text AS written FROM extsched.endpoint AS e WHERE version_id = regress.id(30);
CREATE TABLE regress.version_before AS SELECT v.*, v.xmin::text AS written FROM extsched.version AS v WHERE version_id = regress.id(30);

-- The same manifest again changes no row, and leaves no audit record.
SELECT regress.register(30, 'GET /a, POST /b, GET /c');
SELECT count(*) AS untouched FROM extsched.endpoint AS e JOIN regress.before AS b USING (endpoint_id) WHERE b.written = e.xmin::text;
SELECT count(*) AS untouched FROM extsched.version AS e JOIN regress.version_before AS b USING (version_id) WHERE b.written = e.xmin::text;
SELECT count(*) FROM extsched.audit_log WHERE action = 'version.register' AND object_name = 'extension 3 0.0';

-- Handlers follow, endpoints come and go, known ones keep their ids.
SELECT extsched_register_version(regress.id(30), regress.id(3), 'hash10b', '{"name": "extension 3", "version": "0.1",
    "endpoints": [{"method": "GET", "path": "/a", "handler": "renamed"}, {"method": "POST", "path": "/b", "handler": "handle"},
                  {"method": "GET", "path": "/d", "handler": "handle"}]}');
SELECT e.method, e.path, e.handler, b.endpoint_id IS NOT NULL AS kept_its_id
  FROM extsched.endpoint AS e LEFT JOIN regress.before AS b USING (endpoint_id)
 WHERE e.version_id = regress.id(30) ORDER BY e.path;
SELECT content_hash, label, capabilities FROM extsched.version WHERE version_id = regress.id(30);

-- An endpoint that a schedule uses can neither be dropped nor opted out.
SELECT * FROM regress.outcome($$SELECT regress.register(30, 'GET /a')$$);
SELECT * FROM regress.outcome($$SELECT extsched_register_version(regress.id(30), regress.id(3), 'h',
    '{"endpoints": [{"method": "POST", "path": "/b", "handler": "h", "schedulable": false}]}')$$);
SELECT string_agg(path, ' ' ORDER BY path) FROM extsched.endpoint WHERE version_id = regress.id(30);

-- A version id belongs to one extension.
SELECT * FROM regress.outcome($$SELECT extsched_register_version(regress.id(30), regress.id(2), 'h', '{"endpoints": []}')$$);

-- A version in use cannot be dropped; after its last use it can, and its
-- endpoints are gone with it.
SELECT * FROM regress.outcome('SELECT extsched_drop_version(regress.id(30))');
SELECT extsched_uninstall('reused', regress.id(1));
SELECT extsched_drop_version(regress.id(30));
SELECT count(*) FROM extsched.endpoint WHERE version_id = regress.id(30);
SELECT * FROM regress.outcome('SELECT extsched_drop_version(regress.id(30))');
SELECT regress.error('SELECT extsched_drop_version(NULL)');
SELECT regress.error($$SELECT extsched_install('reused', regress.id(1), regress.id(30))$$);

SELECT extsched_drop_tenant('reused');
DROP TABLE regress.before, regress.version_before;
