-- A time zone is a name of the server's zone data, in any case, stored in the
-- case of the data.
\pset format unaligned
SELECT regress.set_up('zones', 53);
CREATE TEMP TABLE made AS
SELECT n, zone, extsched_create('zones', regress.id(1), 'GET /a', '0 0 * * *', zone) AS id
  FROM unnest('{UTC,utc,Etc/UTC,europe/berlin,AMERICA/NEW_YORK,America/Argentina/buenos_aires,asia/kathmandu,Asia/Katmandu,us/eastern,gmt,EST,"  Europe/Paris  ","","   "}'::text[]) WITH ORDINALITY AS z (zone, n);
SELECT zone, s.timezone FROM made JOIN extsched_list('zones', regress.id(1)) AS s USING (id) ORDER BY n;
SELECT extsched_host('zones', regress.id(1), 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "timezone": "america/NEW_york", "name": "host"}') ->> 'success';
SELECT timezone FROM extsched_list('zones', regress.id(1)) WHERE name = 'host';

-- Offsets, POSIX strings, other folders of the data, paths, abbreviations that
-- are no zone.
SELECT zone, regress.verdict('zones', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'timezone', zone))
  FROM unnest(ARRAY['Mars/Olympus', '+05:00', '-3', 'UTC+3', 'UTC-03:00', 'FOO+3', 'EST5EDT4', '<+03>-3', 'posix/Europe/Berlin', 'right/Europe/Berlin', 'posixrules', 'localtime', 'Factory',
                    '../UTC', '/etc/localtime', 'Europe/../UTC', 'Europe', 'Europe/', 'zone.tab', 'tzdata.zi', 'CEST', 'Europe/Berlin;', E'Europe\tBerlin', repeat('x', 65)]) AS zone;

-- Every name that the server knows and that is no other spelling of a rule is
-- accepted in lower case, and stored as the server spells it.
SELECT extsched_set_limits('zones', NULL, '{"max_schedules": -1}');
CREATE TEMP TABLE all_zones AS
SELECT name, extsched_create('zones', regress.id(1), 'GET /a', '0 0 * * *', lower(name)) AS id
  FROM pg_timezone_names WHERE name !~ '^(posix|right)/|^(posixrules|localtime|Factory)$';
SELECT count(*) > 400 AS many, count(*) FILTER (WHERE s.timezone <> z.name) AS others
  FROM all_zones AS z JOIN extsched_list('zones', regress.id(1)) AS s USING (id);
DROP TABLE made, all_zones;

SELECT * FROM extsched_check();
SELECT extsched_drop_tenant('zones') > 400 AS dropped;
SELECT extsched_drop_version(regress.id(53));
