-- A cron expression is judged by what it means, alike on every face.
\pset format unaligned
SELECT regress.set_up('cron', 52);
CREATE FUNCTION regress.cron(cron text) RETURNS text LANGUAGE sql
AS $$ SELECT regress.verdict('cron', jsonb_build_object('endpoint', 'GET /a', 'cron', cron)) $$;

-- Five fields of 1 to 128 characters in all; blanks around do not count.
SELECT cron, regress.cron(cron) FROM unnest(ARRAY['0 0 * * *', E' \t0 0 * * *\n', '0   0 * *	*', '0 0 * *', '0 0 0 * * *', '', '   ', '0']) AS cron;
SELECT length(cron), regress.cron(cron)
  FROM unnest(ARRAY[rpad('0', 119, ',0') || ' 0 * * *', rpad('0', 121, ',0') || ' 0 * * *', rpad('0', 123, ',0') || ' 0 * * *']) AS cron;

-- A wrong character, range, step or item is named with its field and range.
SELECT cron, regress.cron(cron)
  FROM unnest('{"60 0 * * *","0 24 * * *","0 0 0 * *","0 0 32 * *","0 0 * 13 *","0 0 * 0 *","0 0 * * 8","-1 0 * * *","a 0 * * *","0 0 * FOO *","0 0 * * FOO",
                "*/0 0 * * *","*/61 0 * * *","5-1 0 * * *",",0 0 * * *","0,,5 0 * * *","0, 0 * * *","0 0 ? * *","0 0 * * ?","1.5 0 * * *","0 0 1-- * *","0/5 0 * * *","@never","@reboot","é 0 * * *"}'::text[]) AS cron;

-- The whole language is accepted; 0 and 7 are Sunday.
SELECT cron, regress.cron(cron)
  FROM unnest('{"*/5 * * * *","0 * * * *","0,30 8-18/2 1,15 JAN-DEC *","0 9 * * MON-FRI","0 9 * * sun","0 9 * * 0","0 9 * * 7","@hourly","@daily","@midnight","@weekly","@monthly","@yearly","@annually",
                "H H * * *","H(0-29) 3 * * *","H/15 * * * *","0 0 L * *","0 0 15W * *","0 0 LW * *","0 0 * * 5L","0 0 * * 5#3"}'::text[]) AS cron;
SELECT extsched_next('0 9 * * 0', 'UTC', '2026-01-01 00:00Z') = extsched_next('0 9 * * 7', 'UTC', '2026-01-01 00:00Z') AS both_are_sunday;

-- Both days restricted is refused, unless allow_day_or says that either counts.
-- A field that begins with * restricts nothing by itself: then both must match.
SELECT regress.cron('0 0 13 * 5');
SET extsched.allow_day_or = on;
SELECT regress.cron('0 0 13 * 5');
SELECT nominal AT TIME ZONE 'UTC' AS nominal FROM extsched_next_runs('0 0 13 * 5', 'UTC', 4, '2026-02-01 00:00Z');
RESET extsched.allow_day_or;
SELECT regress.cron('0 0 */2 * 5');
SELECT nominal AT TIME ZONE 'UTC' AS nominal FROM extsched_next_runs('0 0 */2 * 5', 'UTC', 3, '2026-02-01 00:00Z');

-- More often than every five minutes is refused however it is spelled, also
-- when only once a year or for one value of H.
SELECT cron, regress.cron(cron)
  FROM unnest('{"* * * * *","*/1 * * * *","*/2 * * * *","*/3 * * * *","*/4 * * * *","0-59 * * * *","*,* * * * *","*/01 * * * *","* */1 * * *","* * 1-31 * *","* * * * 0-6","0,1,2 * * * *",
                "*/7 * * * *","*/8 * * * *","*/14 * * * *","*/19 * * * *","*/28 * * * *","*/29 * * * *","*/56 * * * *","*/57 * * * *","*/58 * * * *","*/59 * * * *",
                "0,1 0 1 1 *","0,59 * * * *","1,58 0,1 * * *","0,58 0,23 * * *","H,H * * * *","H/7 * * * *"}'::text[]) AS cron;
SELECT cron, regress.cron(cron) FROM unnest('{"*/5 * * * *","*/6 * * * *","*/10 * * * *","*/15 * * * *","*/55 * * * *","0,5 * * * *","0,59 0 * * *","0 * * * *","4-59/5 * * * *"}'::text[]) AS cron;
SELECT cron, extsched_min_gap(cron) FROM unnest('{"*/7 * * * *","*/29 * * * *","*/59 * * * *","0,1 0 1 1 *","*/5 * * * *","0 0 29 2 *","@yearly"}'::text[]) AS cron;

-- The least distance can be overridden for a tenant, or for one install.
SELECT extsched_set_limits('cron', NULL, '{"min_interval_s": 60}');
SELECT regress.cron('*/7 * * * *'), regress.cron('* * * * *');
SELECT extsched_set_limits('cron', regress.id(1), '{"min_interval_s": 3600}');
SELECT regress.cron('0 * * * *'), regress.cron('0,30 * * * *');
SELECT extsched_set_limits('cron', regress.id(1), '{"min_interval_s": null}');
SELECT extsched_set_limits('cron', NULL, '{"min_interval_s": null}');

-- What is never due is refused, enabled or not.
SELECT cron, enabled, regress.verdict('cron', jsonb_build_object('endpoint', 'GET /a', 'cron', cron, 'enabled', enabled))
  FROM unnest('{"99 99 * * *","*/0 * * * *","5-1 * * * *","-- ,, // * *","0 0 31 2 *","0 0 30 2 *","0 0 31 4,6,9,11 *","0 0 29 2 *"}'::text[]) AS cron, unnest('{true,false}'::boolean[]) AS enabled;

SELECT count(*) FROM extsched.schedule WHERE tenant_id = 'cron';
SELECT extsched_drop_tenant('cron');
SELECT extsched_drop_version(regress.id(52));
DROP FUNCTION regress.cron(text);
