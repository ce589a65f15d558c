-- A manifest is brought into one stored form, whatever is wrong with a part
-- of it.

-- The number of endpoints comes back; no install is needed.  Methods become
-- upper case, paths are trimmed, get a leading slash and single slashes.
SELECT regress.register(10, 'get //api///status/, Post api/sync, GET /API/status/');
SELECT method, path, handler, schedulable FROM extsched.endpoint WHERE version_id = regress.id(10) ORDER BY path COLLATE "C", method;

-- Of entries with one method and path the last wins.
SELECT extsched_register_version(regress.id(11), regress.id(1), 'h', '{"endpoints": [
    {"method": "GET", "path": "/a", "handler": "first"},
    {"method": "get", "path": "//a", "handler": "second"},
    {"method": " GET ", "path": " a ", "handler": "last"}]}');
SELECT method, path, handler FROM extsched.endpoint WHERE version_id = regress.id(11);

-- Malformed entries are dropped and counted in one notice; the others stay.
SELECT extsched_register_version(regress.id(12), regress.id(1), 'h', '{"endpoints": [
    {"method": "GET", "path": "/sound", "handler": "recv"},
    {"path": "/no-method", "handler": "h"}, {"method": "GET", "handler": "no path"},
    {"method": "GET", "path": "/no-handler"}, {"method": "GET", "path": "/empty-handler", "handler": " "},
    {"method": "GET", "path": "/query?x=1", "handler": "h"}, {"method": "GET", "path": "/fragment#x", "handler": "h"},
    {"method": "GET", "path": "", "handler": "h"}, {"method": "G3T", "path": "/method", "handler": "h"},
    {"method": 1, "path": "/number", "handler": "h"}, {"method": "GET", "path": ["/list"], "handler": "h"},
    null, 7, "text", [], {}]}');
SELECT extsched_register_version(regress.id(13), regress.id(1), 'h', '{"endpoints": [null]}');
SELECT path, handler FROM extsched.endpoint WHERE version_id IN (regress.id(12), regress.id(13));

-- Schedulable: GET and POST, no parameter in the path, and not opted out.  The
-- manifest can take it away, never give it.
SELECT extsched_register_version(regress.id(14), regress.id(1), 'h', '{"endpoints": [
    {"method": "GET", "path": "/get", "handler": "h"}, {"method": "POST", "path": "/post", "handler": "h"},
    {"method": "PUT", "path": "/put", "handler": "h", "schedulable": true},
    {"method": "PATCH", "path": "/patch", "handler": "h", "schedulable": true},
    {"method": "DELETE", "path": "/delete", "handler": "h", "schedulable": true},
    {"method": "GET", "path": "/colon/:id", "handler": "h", "schedulable": true},
    {"method": "GET", "path": "/brace/{id}", "handler": "h", "schedulable": true},
    {"method": "GET", "path": "/opted-out", "handler": "h", "schedulable": false},
    {"method": "GET", "path": "/true", "handler": "h", "schedulable": true},
    {"method": "GET", "path": "/null", "handler": "h", "schedulable": null},
    {"method": "GET", "path": "/text", "handler": "h", "schedulable": "true"}]}');
SELECT method, path, schedulable FROM extsched.endpoint WHERE version_id = regress.id(14) ORDER BY schedulable, path COLLATE "C";

-- Capabilities are stored trimmed, in lower case, sorted, once.  The scheduler's
-- is a known one; an unknown one is named in a notice.
SELECT extsched_register_version(regress.id(15), regress.id(1), 'h', '{"endpoints": [],
    "capabilities": ["cap:scheduler.manage", " CAP:Scheduler.Manage ", "cap:fly", "cap:http.fetch", 5, null, ""]}');
SELECT capabilities FROM extsched.version WHERE version_id = regress.id(15);
SELECT 'cap:scheduler.manage' = ANY (extsched.known_capabilities()) AS is_known;

-- Name and version come from the manifest; without them the ids stand in.
SELECT name, label, content_hash FROM extsched.version WHERE version_id IN (regress.id(10), regress.id(11)) ORDER BY version_id;

-- A manifest of the wrong shape is refused, and changes nothing.
SELECT manifest, o.outcome, o.message, o.detail
  FROM unnest(ARRAY['[]', '"text"', '{}', '{"endpoints": {}}', '{"endpoints": null}', '{"endpoints": [], "capabilities": {}}',
                    '{"endpoints": [], "name": 5}', '{"endpoints": [], "name": ""}', '{"endpoints": [], "version": " "}']) AS manifest,
       regress.outcome(format('SELECT extsched_register_version(regress.id(10), regress.id(1), %L, %L)', 'h', manifest)) AS o;
SELECT count(*) FROM extsched.endpoint WHERE version_id = regress.id(10);

-- The manifest itself is kept nowhere: at run time the table is the only source.
SELECT attrelid::regclass, attname FROM pg_attribute WHERE attrelid IN ('extsched.version'::regclass, 'extsched.endpoint'::regclass) AND atttypid = 'jsonb'::regtype;

-- Arguments must be there and sound.
SELECT regress.error($$SELECT extsched_register_version(NULL, regress.id(1), 'h', '{"endpoints": []}')$$);
SELECT regress.error($$SELECT extsched_register_version(regress.id(10), NULL, 'h', '{"endpoints": []}')$$);
SELECT regress.error($$SELECT extsched_register_version(regress.id(10), regress.id(1), NULL, '{"endpoints": []}')$$);
SELECT regress.error($$SELECT extsched_register_version(regress.id(10), regress.id(1), 'h', NULL)$$);
SELECT regress.error($$SELECT extsched_register_version(regress.id(10), regress.id(1), 'a b', '{"endpoints": []}')$$);
SELECT regress.error($$SELECT extsched_register_version(regress.id(10), regress.id(1), repeat('x', 256), '{"endpoints": []}')$$);

SELECT extsched_drop_version(regress.id(n)) FROM generate_series(10, 15) AS n;
