--
-- Row types of the public API.
--

CREATE TYPE extsched.schedule_info AS (
    id              uuid,
    endpoint_path   text,
    endpoint_method text,
    name            text,
    cron            text,
    timezone        text,
    enabled         boolean,
    payload         jsonb,
    last_run_at     timestamptz,
    last_run_status text,
    last_error      text,
    created_at      timestamptz,
    next_run_at     timestamptz,
    revision        bigint
);
COMMENT ON TYPE extsched.schedule_info IS 'A schedule as its extension sees it; the host face has the same fields in camel case.';

CREATE TYPE extsched.endpoint_info AS (
    id          uuid,
    method      text,
    path        text,
    handler     text,
    schedulable boolean
);
COMMENT ON TYPE extsched.endpoint_info IS 'An endpoint of the installed version.';
