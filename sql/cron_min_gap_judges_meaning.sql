SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: the smallest gap is that of the expanded sets, over every edge, not that
-- of the spelling.
SELECT cron, extsched_min_gap(cron)
  FROM unnest(ARRAY['* * * * *', '*,* * * * *', '0-59 * * * *', '*/01 * * * *', '* */1 * * *', '* * 1-31 * *',
                    '* * * * 0-6', '0,1,2 * * * *', '*/5 * * * *', '*/7 * * * *', '*/8 * * * *', '*/14 * * * *',
                    '*/19 * * * *', '*/28 * * * *', '*/29 * * * *', '*/56 * * * *', '*/57 * * * *', '*/58 * * * *',
                    '*/59 * * * *', '0 * * * *', '0,59 0,23 * * *', '0,1 0 1 1 *', '0 9 * * 1-5', '0 0 * * 6,0',
                    '0 0 1,31 * *', '0 0 1 * *', '0 0 1 1 *', '0 0 29 2 *', '0 0 * * 5L', '0 0 L * *']) AS cron;

-- Rule: for H it is the smallest of all values.
SELECT cron, extsched_min_gap(cron)
  FROM unnest(ARRAY['H * * * *', 'H/5 * * * *', 'H/7 * * * *', 'H,30 * * * *', 'H(0-29),45 * * * *',
                    'H H * * *', '0 0 H * *', 'H H H H *']) AS cron;

-- Rule: either of two day fields may make the gap.
SET extsched.allow_day_or = on;
SELECT cron, extsched_min_gap(cron)
  FROM unnest(ARRAY['0 0 1 * 1', '0 0 13 * 5L']) AS cron;

SELECT extsched_min_gap(NULL) IS NULL AS is_null;
