-- extsched_distribute refuses clearly what it cannot do.  Where Citus is, it
-- calls its functions for every table of a tenant and of the registry.
SELECT outcome, message, detail, hint FROM regress.outcome('SELECT extsched_distribute()');
SELECT regress.error('SELECT extsched_distribute(NULL)'), regress.error('SELECT extsched_distribute(0)');

-- Functions with the signatures that Citus has since version 10.1, which note
-- how they are called.
BEGIN;
SET LOCAL client_min_messages = warning;
CREATE SCHEMA citus;
CREATE TYPE citus.distribution_type AS ENUM ('hash', 'range', 'append');
CREATE TABLE citus.call (n integer GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION pg_catalog.create_reference_table(table_name regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO citus.call (what) VALUES (format('reference %s', $1)) $$;
CREATE FUNCTION pg_catalog.create_distributed_table(table_name regclass, distribution_column text,
    distribution_type citus.distribution_type DEFAULT 'hash', colocate_with text DEFAULT 'default', shard_count int DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO citus.call (what) VALUES (format('distributed %s by %s, %s, with %s, %s shards', $1, $2, $3, $4, $5)) $$;

SELECT * FROM extsched_distribute(64);
SELECT what FROM citus.call ORDER BY n;

-- Every table is called for, but for those of this database alone.
SELECT c.relname AS stays FROM pg_class AS c
 WHERE c.relnamespace = 'extsched'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
   AND NOT EXISTS (SELECT FROM citus.call WHERE what LIKE '% extsched.' || c.relname || '%')
 ORDER BY 1;

-- What a distributed table refers to was called for before it, and is a copy
-- on each node or lies beside it: both sides of the key have tenant_id.
SELECT k.conrelid::regclass AS "table", k.confrelid::regclass AS refers_to FROM pg_constraint AS k
  LEFT JOIN citus.call AS own ON own.what ~ ('^\w+ ' || k.conrelid::regclass::text || '( |$)')
  LEFT JOIN citus.call AS other ON other.what ~ ('^\w+ ' || k.confrelid::regclass::text || '( |$)')
 WHERE k.contype = 'f' AND k.connamespace = 'extsched'::regnamespace AND k.conparentid = 0
   AND NOT coalesce(other.n < own.n AND (other.what LIKE 'reference%'
       OR (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = k.conrelid AND a.attnum = k.conkey[1]) = 'tenant_id'
      AND (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = k.confrelid AND a.attnum = k.confkey[1]) = 'tenant_id'), false)
 ORDER BY 1, 2;

-- A unique key of a distributed table has tenant_id.
SELECT i.indexrelid::regclass AS unique_without_tenant FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
  JOIN citus.call AS own ON own.what LIKE 'distributed ' || i.indrelid::regclass || ' by%'
 WHERE i.indisunique AND NOT EXISTS (SELECT FROM pg_attribute AS a
                                      WHERE a.attrelid = i.indrelid AND a.attname = 'tenant_id' AND a.attnum = ANY (i.indkey));
ROLLBACK;
