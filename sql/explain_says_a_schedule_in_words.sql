SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
\pset format unaligned
\pset tuples_only on

-- Rule: the words, the zone's city, and the next three times of its clock.
SELECT extsched_explain('30 9 * * 1-5', 'America/New_York', '2026-11-25Z');
SELECT extsched_explain('15 17 L * *', after => '2026-11-25Z');
SELECT extsched_explain('5,20,35,50 8-18 * * *', 'europe/berlin', '2026-11-25Z');

-- Rule: a fixed time in a gap runs once after it, one in a fold the first time.
SELECT extsched_explain('30 2 * * *', 'Europe/Berlin', '2026-11-25Z');
-- Rule: a rhythm within some hours is skipped in a gap and repeated in a fold.
SELECT extsched_explain('*/20 1-2 * * *', 'Australia/Lord_Howe', '2026-11-25Z');
-- Rule: a rhythm of every hour is not touched.
SELECT extsched_explain('*/20 * * * *', 'Europe/Berlin', '2026-11-25Z');

-- Rule: minute 0 is answered by H, whose times depend on the id.
SELECT extsched_explain('0 9 * * 1-5', after => '2026-11-25Z');
SELECT extsched_explain('H 9 * * 1-5', after => '2026-11-25Z');
SELECT extsched_explain('H 9 * * 1-5', after => '2026-11-25Z', hash_key => '11111111-1111-4111-8111-111111111111');

-- Rule: what a create would refuse by its meaning is explained, with the reason.
SELECT extsched_explain('15 0 30 2 *', after => '2026-11-25Z');
SELECT extsched_explain('15 0 13 * 5', after => '2026-11-25Z');
SELECT extsched_explain('* * * * *', after => '2026-11-25Z');
-- Rule: the limits of this session count.
SET extsched.min_interval = '1min';
SET extsched.allow_day_or = on;
SELECT extsched_explain('* 9-16 13 * 5', after => '2026-11-25Z');
RESET extsched.min_interval;
RESET extsched.allow_day_or;
-- Rule: the default instant is the clock of the scheduler.
SET extsched.clock_offset = 3600;
SELECT extsched_explain('* * * * *') = extsched_explain('* * * * *', 'UTC', now() + interval '1 hour');
RESET extsched.clock_offset;

-- Rule: what cannot be read is refused as everywhere; null gives null.
SELECT regress.error($$SELECT extsched_explain('0 25 * * *')$$);
SELECT regress.error($$SELECT extsched_explain('0 9 * * *', 'Nowhere/At_All')$$);
SELECT regress.error($$SELECT extsched_explain('0 9 * * *', 'UTC', 'infinity')$$);
SELECT extsched_explain(NULL) IS NULL AND extsched_explain('0 9 * * *', NULL) IS NULL;
