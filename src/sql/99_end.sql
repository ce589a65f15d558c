--
-- The end of the script: tell the launcher, or warn that there is none.
--

CREATE FUNCTION extsched.installed() RETURNS void
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'extsched_installed';
REVOKE ALL ON FUNCTION extsched.installed() FROM PUBLIC;
COMMENT ON FUNCTION extsched.installed() IS
'Called at the end of the extension script: has a worker started at commit, or warns that the library is not preloaded.';

SELECT extsched.installed();
