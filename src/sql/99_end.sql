--
-- The end of the script: close what was opened by default, and tell the
-- launcher, or warn that there is none.
--

CREATE FUNCTION extsched.installed() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'extsched_installed';
REVOKE ALL ON FUNCTION extsched.installed() FROM PUBLIC;
COMMENT ON FUNCTION extsched.installed() IS
'Called at the end of the extension script: has a worker started at commit, or warns that the library is not preloaded.';

-- ALTER DEFAULT PRIVILEGES of whoever creates the extension may give others
-- what is for the owner, and for those whom extsched_grant names.
DO $closed$
DECLARE
    opened record;
BEGIN
    FOR opened IN
        SELECT DISTINCT o.object, CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
          FROM pg_depend AS d
          JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
         CROSS JOIN LATERAL (
               SELECT format('FUNCTION %s', p.oid::regprocedure), p.proacl, p.proowner
                 FROM pg_proc AS p WHERE d.classid = 'pg_proc'::regclass AND p.oid = d.objid
               UNION ALL
               SELECT format('TABLE %s', c.oid::regclass), c.relacl, c.relowner
                 FROM pg_class AS c WHERE d.classid = 'pg_class'::regclass AND c.oid = d.objid AND c.relkind IN ('r', 'p', 'v')
               UNION ALL
               SELECT format('SCHEMA %I', s.nspname), s.nspacl, s.nspowner
                 FROM pg_namespace AS s WHERE d.classid = 'pg_namespace'::regclass AND s.oid = d.objid) AS o (object, acl, owner)
         CROSS JOIN LATERAL aclexplode(o.acl) AS a
         WHERE e.extname = 'extsched' AND d.deptype = 'e' AND a.grantee <> o.owner
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %s', opened.object, opened.grantee);
    END LOOP;
END
$closed$;

SELECT extsched.installed();
