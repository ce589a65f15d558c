SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: without a key an H has no time, but a gap.
SELECT o.* FROM regress.outcome($$SELECT extsched_next('H * * * *', 'UTC', '2026-01-01Z')$$) AS o;
SELECT o.* FROM regress.outcome($$SELECT * FROM extsched_next_runs('H * * * *', 'UTC', 1, '2026-01-01Z')$$) AS o;
SELECT extsched_min_gap('H * * * *');

-- Rule: the value of a key is the same for ever.
SELECT key, extsched_next('H H * * *', 'UTC', '2026-01-01Z', key),
       extsched_next('H(30-59)/10 H/6 H H *', 'UTC', '2026-01-01Z', key)
  FROM unnest(ARRAY['00000000-0000-0000-0000-000000000000', '6b0e6a2c-8f6e-4f0e-9f7d-0d9a3c1f2b11',
                    'f47ac10b-58cc-4372-a567-0e02b2c3d479']) AS key;

-- Rule: ids are spread evenly: no minute gets more than 1.15 times its share.
SELECT max(n) <= 1.15 * 100000 / 60 AS is_even, count(*)
  FROM (SELECT count(*) AS n
          FROM generate_series(1, 100000) AS i
         GROUP BY extract(minute FROM extsched_next('H * * * *', 'UTC', '2026-01-01Z', md5(i::text)))) AS minutes;
