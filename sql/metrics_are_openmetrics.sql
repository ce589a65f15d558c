-- The text has the form of OpenMetrics 1.0: described families, then their
-- samples, then the end mark.
CREATE TABLE regress.line AS
SELECT n, line
  FROM regexp_split_to_table(extsched_metrics(), '\n') WITH ORDINALITY AS l (line, n);

SELECT line FROM regress.line ORDER BY n DESC LIMIT 2;

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

-- The status has the same facts, and its keys are these.
SELECT string_agg(k, ' ' ORDER BY k COLLATE "C") FROM jsonb_object_keys(extsched_status()) AS k;
SELECT extsched_status() ->> 'library_version' = extsched_status() ->> 'extension_version' AS fits;
