--
-- Internal functions of dispatch.
--

CREATE FUNCTION extsched.check_base_url(base_url text) RETURNS text
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_check_base_url';
REVOKE ALL ON FUNCTION extsched.check_base_url(text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.check_base_url(text) IS
'The base URL of a Runner without slashes at its end. Fails with 22023 unless it is an http or https URL with a host and without credentials, query, fragment, blanks and control characters.';
