--
-- Beyond one machine, experimental: the tables of tenants spread over the
-- nodes of a Citus cluster.  All of them have tenant_id in front of every key,
-- so that what belongs together is kept together, and foreign keys hold.
-- What is read beside the rows of any tenant becomes a copy on each node.
-- Workers see that by themselves, and go from tenant to tenant from then on.
--

CREATE FUNCTION @extschema@.extsched_distribute(shard_count integer DEFAULT 32)
RETURNS TABLE (relation regclass, kind text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- Referenced tables come before those that refer to them.
    copied   CONSTANT text[] := '{capability,version,endpoint,runner,zone}';
    spread   CONSTANT text[] := '{tenant,tenant_limiter,install,install_limiter,schedule,timer,run,audit}';
    name     text;
BEGIN
    IF shard_count IS NULL OR shard_count NOT BETWEEN 1 AND 64000 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'shard_count must be between 1 and 64000';
    END IF;
    -- Only superusers make functions there, so these are those of Citus.
    IF to_regproc('pg_catalog.create_distributed_table') IS NULL
       OR to_regproc('pg_catalog.create_reference_table') IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'feature_not_supported',
            MESSAGE = 'cannot distribute the tables of extsched: this database does not have Citus',
            HINT = 'Install Citus, run CREATE EXTENSION citus, and install extsched on every node.';
    END IF;
    FOREACH name IN ARRAY copied LOOP
        relation := format('extsched.%I', name);
        kind := 'reference';
        PERFORM create_reference_table(relation);
        RETURN NEXT;
    END LOOP;
    FOREACH name IN ARRAY spread LOOP
        relation := format('extsched.%I', name);
        kind := 'distributed';
        PERFORM create_distributed_table(relation, 'tenant_id',
                    colocate_with => CASE name WHEN spread[1] THEN 'none' ELSE 'extsched.' || spread[1] END,
                    shard_count => CASE name WHEN spread[1] THEN extsched_distribute.shard_count END);
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_distribute(integer) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_distribute(integer) IS
'Experimental. Distributes the tables of tenants by tenant_id, in shard_count shards that lie together, and copies the registry to each node, by the functions of Citus; returns the tables in the order it went. Workers claim tenant by tenant from then on. Fails with 0A000 where the database does not have Citus, 22023 on a shard_count out of range.';
