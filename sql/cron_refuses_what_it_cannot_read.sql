SET timezone = 'UTC';
SET datestyle = 'ISO, MDY';
SET intervalstyle = 'postgres';

-- Rule: a refused expression names the field, the token and what is allowed.
SELECT e.cron, o.outcome, o.detail, o.hint
  FROM unnest(ARRAY[
           '', '* * * *', '0 0 0 1 1 *', '0 9 * * 1 root', '@daily now',
           '@reboot', '@fortnightly',
           '60 * * * *', '0 24 * * *', '0 0 0 * *', '0 0 * 13 *', '0 0 * * 8', '0 0 * * 1#6',
           '18446744073709551617 * * * *',
           '*/0 * * * *', '*/60 * * * *', '0 0 * * */8',
           '5-1 * * * *', '0 0 * * fri-0',
           '1,,2 * * * *', '0 1, * * *',
           '0 0 ? * *', '+5 * * * *', '0x5 * * * *', '*5 * * * *', '0 0 * january *', '0 0 1-5W * *',
           '٥ * * * *', E'0\n0 * * *', '-- ,, // * *',
           'L * * * *', '0 0 5L * *', '0 0 * * L', '0 0 * * 1W',
           'H,H * * * *', '*/20,H * * * *', '0 0 H(1-31) * *'
       ]) WITH ORDINALITY AS e(cron, n),
       regress.outcome(format('SELECT extsched_next(%L, %L, %L)', cron, 'UTC', '2026-01-01Z')) AS o
 ORDER BY n;

-- Rule: the message quotes the expression, cut where it is too long to be one.
SELECT regress.error(format('SELECT extsched_min_gap(%L)', repeat('ä', 100)));
SELECT regress.error(format('SELECT extsched_min_gap(%L)', repeat('0', 121) || ' 1 * * *'));
SELECT regress.error(format('SELECT extsched_min_gap(%L)', repeat('0', 120) || ' 1 * * *'));
