--
-- Versions of extensions and their endpoints.  A manifest is only input: what
-- it says is brought into stored form here, once, and the tables are the only
-- source from then on.
--

CREATE FUNCTION extsched.check_manifest(manifest jsonb) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(manifest) <> 'object' THEN
        wrong := 'It is not a JSON object.';
    ELSIF jsonb_typeof(manifest -> 'endpoints') IS DISTINCT FROM 'array' THEN
        wrong := 'Key "endpoints" is not an array.';
    ELSIF jsonb_typeof(manifest -> 'capabilities') NOT IN ('array', 'null') THEN
        wrong := 'Key "capabilities" is not an array.';
    ELSE
        SELECT format('Key "%s" is not a text of 1 to 255 bytes.', k.key)
          INTO wrong
          FROM unnest(ARRAY['name', 'version']) WITH ORDINALITY AS k (key, n)
         WHERE jsonb_typeof(manifest -> k.key) <> 'null'
           AND (jsonb_typeof(manifest -> k.key) <> 'string'
                OR octet_length(btrim(manifest ->> k.key)) NOT BETWEEN 1 AND 255)
         ORDER BY k.n
         LIMIT 1;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid manifest',
            DETAIL = wrong,
            HINT = 'Write {"name": ..., "version": ..., "capabilities": [...], "endpoints": [{"method": ..., "path": ..., "handler": ...}]}.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.check_manifest(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_manifest(jsonb) IS
'Fails with 22023 on a manifest of the wrong shape. Malformed entries of its arrays pass; they are dropped later.';

CREATE FUNCTION extsched.manifest_endpoints(manifest jsonb)
RETURNS TABLE (method text, path text, handler text, schedulable boolean, entries bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT DISTINCT ON (n.method, n.path)
           n.method, n.path, n.handler,
           n.method IN ('GET', 'POST') AND n.path !~ '[:{}]'
               AND coalesce(e.entry -> 'schedulable', 'null') IN ('true', 'null'),
           count(*) OVER (PARTITION BY n.method, n.path)
      FROM jsonb_array_elements(manifest -> 'endpoints') WITH ORDINALITY AS e (entry, ordinal)
     CROSS JOIN LATERAL (
           SELECT upper(btrim(e.entry ->> 'method', E' \t\n\r\f\x0b') COLLATE "C") AS method,
                  extsched.normalize_path(e.entry ->> 'path') AS path,
                  btrim(e.entry ->> 'handler', E' \t\n\r\f\x0b') AS handler) AS n
     WHERE jsonb_typeof(e.entry -> 'method') = 'string'
       AND jsonb_typeof(e.entry -> 'path') = 'string'
       AND jsonb_typeof(e.entry -> 'handler') = 'string'
       AND n.method ~ '^[A-Z]{1,16}$'
       AND n.path IS NOT NULL
       AND octet_length(n.handler) BETWEEN 1 AND 1024
     ORDER BY n.method, n.path, e.ordinal DESC
$$;
REVOKE ALL ON FUNCTION extsched.manifest_endpoints(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.manifest_endpoints(jsonb) IS
'The well-formed endpoints of a manifest in stored form; of several with one (method, path) the last. entries is how many it stands for. The manifest can only take schedulable away.';

CREATE FUNCTION extsched.manifest_capabilities(manifest jsonb) RETURNS TABLE (capability text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.name
      FROM jsonb_array_elements(coalesce(nullif(manifest -> 'capabilities', 'null'), '[]')) AS e (entry)
     CROSS JOIN LATERAL (
           SELECT lower(btrim(e.entry #>> '{}', E' \t\n\r\f\x0b') COLLATE "C") COLLATE "C" AS name) AS n
     WHERE jsonb_typeof(e.entry) = 'string'
       AND n.name ~ '^[^\s\x01-\x1f\x7f]{1,128}$'
$$;
REVOKE ALL ON FUNCTION extsched.manifest_capabilities(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.manifest_capabilities(jsonb) IS
'The well-formed capabilities a manifest declares, trimmed and in lower case. Unknown ones are among them; what is not granted is never effective, and only known ones can be granted.';

CREATE FUNCTION extsched.notice_about_manifest(manifest jsonb) RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped bigint;
    unknown text;
BEGIN
    dropped := jsonb_array_length(manifest -> 'endpoints')
        - (SELECT coalesce(sum(e.entries), 0) FROM extsched.manifest_endpoints(manifest) AS e)
        + coalesce(jsonb_array_length(nullif(manifest -> 'capabilities', 'null')), 0)
        - (SELECT count(*) FROM extsched.manifest_capabilities(manifest));
    IF dropped > 0 THEN
        RAISE NOTICE USING
            MESSAGE = format(CASE dropped WHEN 1 THEN 'dropped %s malformed entry of the manifest'
                             ELSE 'dropped %s malformed entries of the manifest' END, dropped),
            HINT = 'An endpoint needs method, path and handler, and a path without "?" and "#"; a capability is a text.';
    END IF;
    SELECT string_agg(DISTINCT format('"%s"', c.capability) COLLATE "C", ', ')
      INTO unknown
      FROM extsched.manifest_capabilities(manifest) AS c
     WHERE c.capability <> ALL (extsched.known_capabilities())
       AND NOT EXISTS (SELECT FROM extsched.capability AS k WHERE k.capability = c.capability);
    IF unknown IS NOT NULL THEN
        RAISE NOTICE USING
            MESSAGE = format('manifest declares unknown capabilities: %s', left(unknown, 1000)),
            DETAIL = 'They are never effective.';
    END IF;
END
$$;
REVOKE ALL ON FUNCTION extsched.notice_about_manifest(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.notice_about_manifest(jsonb) IS
'Says in a NOTICE each how many malformed entries are dropped and which capabilities are unknown.';

CREATE FUNCTION extsched.store_version(version uuid, registry uuid, content_hash text, manifest jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted extsched.version;
    stored extsched.version;
BEGIN
    wanted := (version, registry, content_hash,
               coalesce(btrim(manifest ->> 'name'), registry::text),
               coalesce(btrim(manifest ->> 'version'), version::text),
               ARRAY(SELECT DISTINCT c.capability FROM extsched.manifest_capabilities(manifest) AS c ORDER BY 1),
               extsched.clock_now());
    PERFORM extsched.ensure_identity();
    INSERT INTO extsched.version VALUES (wanted.*) ON CONFLICT (version_id) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;
    SELECT v.* INTO stored FROM extsched.version AS v WHERE v.version_id = version FOR NO KEY UPDATE;
    IF stored.registry_id <> registry THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_object',
            MESSAGE = format('version %s already belongs to another extension', version),
            DETAIL = format('It was registered for extension %s.', stored.registry_id);
    END IF;
    UPDATE extsched.version AS v
       SET content_hash = wanted.content_hash, name = wanted.name, label = wanted.label,
           capabilities = wanted.capabilities
     WHERE v.version_id = version
       AND (v.content_hash, v.name, v.label, v.capabilities)
           IS DISTINCT FROM (wanted.content_hash, wanted.name, wanted.label, wanted.capabilities);
    RETURN FOUND;
END
$$;
REVOKE ALL ON FUNCTION extsched.store_version(uuid, uuid, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.store_version(uuid, uuid, text, jsonb) IS
'Inserts or refreshes the row of a version and keeps it locked, so that registrations of one version wait for each other. Returns whether the row changed.';

CREATE FUNCTION extsched.store_endpoints(version uuid, manifest jsonb) RETURNS boolean
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken   uuid[];
    used    text;
    changed boolean;
BEGIN
    taken := ARRAY(SELECT p.endpoint_id
                     FROM extsched.endpoint AS p
                    WHERE p.version_id = version
                      AND NOT EXISTS (SELECT FROM extsched.manifest_endpoints(manifest) AS m
                                       WHERE m.method = p.method AND m.path = p.path
                                         AND (m.schedulable OR NOT p.schedulable)));
    IF taken <> '{}' THEN
        -- Whoever creates a schedule holds a share lock on its install: wait
        -- for those under way, and let later ones find the endpoint gone.
        PERFORM FROM extsched.install AS i
          WHERE i.version_id = version
          ORDER BY i.tenant_id, i.install_id
            FOR NO KEY UPDATE;
    END IF;
    SELECT string_agg(format('"%s %s"', p.method, p.path), ', ' ORDER BY p.path COLLATE "C", p.method COLLATE "C")
      INTO used
      FROM extsched.endpoint AS p
     WHERE p.endpoint_id = ANY (taken)
       AND EXISTS (SELECT FROM extsched.schedule AS s
                    WHERE s.version_id = version AND s.endpoint_id = p.endpoint_id);
    IF used IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('schedules use what the manifest takes away: %s', left(used, 1000)),
            DETAIL = format('These endpoints of version %s would be gone, or no longer be schedulable.', version),
            HINT = 'Register the manifest as a new version and upgrade the installs.';
    END IF;

    DELETE FROM extsched.endpoint AS p
     WHERE p.version_id = version
       AND NOT EXISTS (SELECT FROM extsched.manifest_endpoints(manifest) AS m
                        WHERE m.method = p.method AND m.path = p.path);
    changed := FOUND;
    UPDATE extsched.endpoint AS p
       SET handler = m.handler, schedulable = m.schedulable
      FROM extsched.manifest_endpoints(manifest) AS m
     WHERE p.version_id = version AND p.method = m.method AND p.path = m.path
       AND (p.handler, p.schedulable) IS DISTINCT FROM (m.handler, m.schedulable);
    changed := changed OR FOUND;
    INSERT INTO extsched.endpoint (version_id, method, path, handler, schedulable)
    SELECT version, m.method, m.path, m.handler, m.schedulable
      FROM extsched.manifest_endpoints(manifest) AS m
     WHERE NOT EXISTS (SELECT FROM extsched.endpoint AS p
                        WHERE p.version_id = version AND p.method = m.method AND p.path = m.path);
    RETURN changed OR FOUND;
END
$$;
REVOKE ALL ON FUNCTION extsched.store_endpoints(uuid, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION extsched.store_endpoints(uuid, jsonb) IS
'Makes the endpoints of a version those of the manifest; known ones keep their ids, sound rows are not written. Returns whether anything changed. Fails with 55006 when that would take away an endpoint that a schedule uses. The version must be locked.';

CREATE FUNCTION @extschema@.extsched_register_version(version uuid, registry uuid, content_hash text, manifest jsonb)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed   boolean;
    endpoints integer;
BEGIN
    PERFORM extsched.refuse_nulls('version', version::text, 'registry', registry::text,
                                  'content_hash', content_hash, 'manifest', manifest::text);
    IF octet_length(content_hash) NOT BETWEEN 1 AND 255 OR content_hash ~ '[\x01-\x20\x7f]' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'invalid content hash',
            HINT = 'Give 1 to 255 bytes without blanks and control characters.';
    END IF;
    PERFORM extsched.check_manifest(manifest);
    PERFORM extsched.notice_about_manifest(manifest);

    changed := extsched.store_version(version, registry, content_hash, manifest);
    changed := extsched.store_endpoints(version, manifest) OR changed;
    SELECT count(*) INTO endpoints FROM extsched.endpoint AS p WHERE p.version_id = version;
    IF changed THEN
        PERFORM extsched.audit_write('', 'sql', 'version.register', NULL, NULL, v.name || ' ' || v.label, NULL,
                                     jsonb_build_object('version', version, 'registry', registry,
                                                        'contentHash', v.content_hash,
                                                        'capabilities', v.capabilities,
                                                        'endpoints', endpoints))
           FROM extsched.version AS v
          WHERE v.version_id = version;
    END IF;
    RETURN endpoints;
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_register_version(uuid, uuid, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_register_version(uuid, uuid, text, jsonb) IS
'Stores a version of an extension and the endpoints of its manifest; returns their number. Can be run again: endpoints keep their ids, their handlers follow, and nothing is written when nothing changed. Malformed endpoints are dropped and counted in a NOTICE. Without "name" or "version" the ids stand for them. Fails with 22023 on a manifest of the wrong shape, 42710 when the id is a version of another extension, 55006 when a schedule uses an endpoint that the manifest takes away.';

CREATE FUNCTION @extschema@.extsched_drop_version(version uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped  extsched.version;
    installs bigint;
BEGIN
    PERFORM extsched.refuse_nulls('version', version::text);
    -- An install under way holds a key share lock: wait for it, then see it.
    SELECT v.* INTO dropped FROM extsched.version AS v WHERE v.version_id = version FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM extsched.refuse_version(version);
    END IF;
    SELECT count(*) INTO installs FROM extsched.install AS i WHERE i.version_id = version;
    IF installs > 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_in_use',
            MESSAGE = format('version %s is in use', version),
            DETAIL = format(CASE installs WHEN 1 THEN '%s install uses it.' ELSE '%s installs use it.' END, installs),
            HINT = 'Upgrade or uninstall them first.';
    END IF;
    DELETE FROM extsched.endpoint AS p WHERE p.version_id = version;
    DELETE FROM extsched.version AS v WHERE v.version_id = version;
    PERFORM extsched.audit_write('', 'sql', 'version.drop', NULL, NULL, dropped.name || ' ' || dropped.label,
                                 jsonb_build_object('version', version, 'registry', dropped.registry_id,
                                                    'contentHash', dropped.content_hash), NULL);
END
$$;
REVOKE ALL ON FUNCTION @extschema@.extsched_drop_version(uuid) FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.extsched_drop_version(uuid) IS
'Removes a version and its endpoints. Fails with 55006 while an install uses it, 42704 when there is none.';
