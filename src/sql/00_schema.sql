/* extsched 1.0: the extension script, assembled from src/sql/ by make */

-- complain if the script is sourced in psql, rather than through CREATE EXTENSION
\echo Use "CREATE EXTENSION extsched" to load this file. \quit

-- Whoever may create objects in the target schema could otherwise plant a
-- function that fits a call below better than that of pg_catalog, and have it
-- run by a superuser.  Holds to the end of the script.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Never IF NOT EXISTS: a schema planted by somebody else would stay theirs,
-- and they could replace what the scheduler runs.
CREATE SCHEMA extsched;
REVOKE ALL ON SCHEMA extsched FROM PUBLIC;
COMMENT ON SCHEMA extsched IS
'extsched: tables, views and internal functions of the plugin scheduler. Call the extsched_* functions; nobody but the owner touches the tables.';
