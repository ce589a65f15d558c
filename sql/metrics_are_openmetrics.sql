-- The text has the form of OpenMetrics 1.0: described families, then their
-- samples, then the end mark.
CREATE TABLE regress.line AS
SELECT n, line
  FROM regexp_split_to_table(extsched_metrics(), '\n') WITH ORDINALITY AS l (line, n);

SELECT line FROM regress.line ORDER BY n DESC LIMIT 1;

-- Each line is a description or a sample.
SELECT line FROM regress.line
 WHERE line !~ '^# TYPE extsched_[a-z_]+ (counter|gauge|histogram|info)$'
   AND line !~ '^# HELP extsched_[a-z_]+ [A-Z0-9].*\.$'
   AND line !~ '^extsched_[a-z_]+(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? [0-9]+(\.[0-9]+)?$'
   AND line NOT IN ('# EOF', '');

-- Each family is described once, and each sample belongs to the one above it.
SELECT family, count(*)
  FROM (SELECT split_part(line, ' ', 3) AS family FROM regress.line WHERE line LIKE '# TYPE %') AS f
 GROUP BY family HAVING count(*) > 1;
SELECT s.line
  FROM regress.line AS s,
       LATERAL (SELECT split_part(t.line, ' ', 3) AS family, split_part(t.line, ' ', 4) AS type
                  FROM regress.line AS t
                 WHERE t.line LIKE '# TYPE %' AND t.n < s.n
                 ORDER BY t.n DESC LIMIT 1) AS f
 WHERE s.line LIKE 'extsched%'
   AND NOT ARRAY[substring(s.line FROM '^[a-z_]+')] <@
       CASE f.type WHEN 'counter' THEN ARRAY[f.family || '_total']
                   WHEN 'gauge' THEN ARRAY[f.family]
                   WHEN 'info' THEN ARRAY[f.family || '_info']
                   ELSE ARRAY[f.family || '_bucket', f.family || '_sum', f.family || '_count'] END;

-- There are no other labels, and none whose values tenants choose.
SELECT line FROM regress.line, regexp_split_to_table(substring(line FROM '\{(.*)\}'), ',') AS label
 WHERE substring(label FROM '^[a-z]+') NOT IN ('le', 'operation', 'reason', 'state', 'status', 'trigger', 'version');

-- The buckets of a histogram only grow, and end with its count.
SELECT line
  FROM (SELECT line, split_part(line, ' ', 2)::numeric AS value,
               lag(split_part(line, ' ', 2)::numeric) OVER (ORDER BY n) AS before
          FROM regress.line WHERE line LIKE 'extsched_run_lateness_seconds_bucket%') AS b
 WHERE value < before;

DROP TABLE regress.line;

-- The format from before OpenMetrics describes samples, and has no end mark.
SELECT count(*) FILTER (WHERE line ~ '^# TYPE extsched_[a-z_]+_total counter$') > 10 AS totals,
       count(*) FILTER (WHERE line ~ '^# TYPE extsched_[a-z_]+ counter$' AND line !~ '_total counter$') AS others,
       count(*) FILTER (WHERE line = '# TYPE extsched_build_info gauge') AS build,
       count(*) FILTER (WHERE line = '# EOF' OR line ~ ' info$') AS foreign_words
  FROM regexp_split_to_table(extsched_metrics('prometheus'), '\n') AS line;
SELECT regress.error($$SELECT extsched_metrics('json')$$);
SELECT regress.error($$SELECT extsched_metrics(NULL)$$);

-- The gauges are the view, and the histograms those of the text.
SELECT running = (why IS NULL) AS has_reason, copy, due_schedules, paused_tenants, oldest_overdue_seconds FROM extsched.stat_now;
SELECT histogram, bool_and(cardinality(le) = cardinality(counts) AND counts[cardinality(counts)] <= n AND le[1] < le[2]) AS fits
  FROM extsched.stat_histograms WHERE operation IS NULL GROUP BY histogram ORDER BY histogram;

-- The status has the same facts, and its keys are these.
SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(extsched_status()) AS k;
SELECT extsched_status() ->> 'library_version' = extsched_status() ->> 'extension_version' AS fits;
