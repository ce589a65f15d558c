--
-- What a row may hold by itself: the CHECK constraints of the tables that
-- every create, claim and outcome writes.  One function for a row, because the
-- server compiles each CHECK anew for each statement.
--

CREATE FUNCTION extsched.schedule_is_sound(
    version_id uuid, endpoint_id uuid, name text, cron text, timezone text, payload jsonb, enabled boolean,
    overlap text, catch_up_s integer, max_attempts integer, backoff_s integer, max_age_s integer,
    pause_after_failures integer, timeout_ms integer, on_unknown text, starts_at timestamptz, ends_at timestamptz,
    jitter_s integer, client_token text, client_digest text, invalid_reason text, created_via text,
    revision bigint) RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_schedule_is_sound';
REVOKE ALL ON FUNCTION extsched.schedule_is_sound(uuid, uuid, text, text, text, jsonb, boolean, text, integer, integer,
    integer, integer, integer, integer, text, timestamptz, timestamptz, integer, text, text, text, text,
    bigint) FROM PUBLIC;
COMMENT ON FUNCTION extsched.schedule_is_sound(uuid, uuid, text, text, text, jsonb, boolean, text, integer, integer,
    integer, integer, integer, integer, text, timestamptz, timestamptz, integer, text, text, text, text, bigint) IS
'Whether a schedule is one that some setting and some install would allow: name 1 to 128 characters, cron at most 128 and can be due, timezone 1 to 64, payload an object or array, known words, numbers in range, client_token 1 to 255 bytes and with its digest, an endpoint or disabled with a reason, starts_at before ends_at. Returns true or fails with 23514, naming the column. For a CHECK constraint.';

CREATE FUNCTION extsched.timer_is_sound(
    next_due timestamptz, accounted_from timestamptz, in_flight integer, consecutive_failures integer,
    is_paused boolean, pause_reason text, paused_at timestamptz, quarantine_reason text, last_run_status text,
    last_error text) RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_timer_is_sound';
REVOKE ALL ON FUNCTION extsched.timer_is_sound(timestamptz, timestamptz, integer, integer, boolean, text, timestamptz,
    text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION extsched.timer_is_sound(timestamptz, timestamptz, integer, integer, boolean, text, timestamptz,
    text, text, text) IS
'Whether a timer is one that can be: finite times, counts of 0 or more, texts of at most 4000 bytes, a pause reason only while paused, no due time in quarantine. Returns true or fails with 23514, naming the column. For a CHECK constraint.';

CREATE FUNCTION extsched.run_is_sound(
    trigger text, nominal_time timestamptz, slot smallint, state text, reason text, finished_at timestamptz,
    lease_id uuid, error text, missed_count integer, missed_first timestamptz) RETURNS boolean
LANGUAGE C IMMUTABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'extsched_run_is_sound';
REVOKE ALL ON FUNCTION extsched.run_is_sound(text, timestamptz, smallint, text, text, timestamptz, uuid, text, integer,
    timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION extsched.run_is_sound(text, timestamptz, smallint, text, text, timestamptz, uuid, text, integer,
    timestamptz) IS
'Whether a record of the history is one that can be: known words, the slot of its nominal time, an end and a reason exactly when it is over and did not succeed, a lease only while running, a count and a first time exactly when missed, an error of at most 4000 bytes. Returns true or fails with 23514, naming the column. For a CHECK constraint.';
