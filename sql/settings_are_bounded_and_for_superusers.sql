-- Every setting: name, default, range, unit.  All are set by superusers, at
-- run time; all say what special values do.
SELECT substr(name, 10) AS name, boot_val, unit, min_val, max_val
  FROM pg_settings
 WHERE name LIKE 'extsched.%'
 ORDER BY name COLLATE "C";
SELECT name FROM pg_settings
 WHERE name LIKE 'extsched.%' AND (context <> 'superuser' OR extra_desc IS NULL OR short_desc !~ '\.$');

-- An ordinary role can set none.
CREATE ROLE regress_plain;
SET ROLE regress_plain;
SET extsched.max_schedules_per_install = 1000;
RESET ROLE;
DROP ROLE regress_plain;

-- What cannot be right is refused.
SELECT outcome FROM regress.outcome($$SET extsched.header_prefix = 'X-Alga'$$);
SELECT outcome FROM regress.outcome($$SET extsched.header_prefix = E'x\r\nhost: evil'$$);
SELECT outcome FROM regress.outcome($$SET extsched.header_prefix = ''$$);
SELECT outcome FROM regress.outcome($$SET extsched.timezone_directory = 'share/zoneinfo'$$);
SELECT outcome FROM regress.outcome($$SET extsched.signing_key_file = '../key'$$);
SELECT outcome FROM regress.outcome($$SET extsched.history_retention = '29d'$$);
SELECT outcome FROM regress.outcome($$SET extsched.audit_retention = '6d'$$);
SELECT outcome FROM regress.outcome($$SET extsched.min_interval = 59$$);
SELECT outcome FROM regress.outcome($$SET extsched.workers_per_database = 17$$);
SELECT outcome FROM regress.outcome($$SET extsched.no_such_setting = 1$$);

-- The clock of the scheduler, and nothing else, moves with its offset.
SET extsched.clock_offset = '1h';
SELECT extsched.clock_now() - clock_timestamp() BETWEEN interval '59 min' AND interval '61 min' AS moved;
RESET extsched.clock_offset;
