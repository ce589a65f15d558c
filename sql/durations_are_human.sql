-- Rule: a duration is said in its two largest units, and no unit is left at its end.
SELECT d AS duration, extsched.human_duration(d::interval) AS said
  FROM unnest(ARRAY['0', '0.4 ms', '340 ms', '999.4 ms', '999.6 ms', '1.24 s', '9.96 s', '59.4 s', '59.6 s', '60 s', '185 s', '59 min 59.7 s',
                    '1 h', '2 h 10 min 50 s', '23 h 59 min 59.9 s', '1 day', '5 days 3 h', '40 days', '-90 s']) WITH ORDINALITY AS t (d, n) ORDER BY n;
SELECT extsched.human_duration(NULL) IS NULL AS null_gives_null;
