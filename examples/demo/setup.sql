-- The demo extension's setup, as its POST /api/setup does it: create what is
-- missing, through the host face, and leave what is there.  A schedule counts
-- as there when one has its name or its path.  psql variables: tenant, install.

WITH wanted (name, endpoint, cron, timezone, payload) AS (
    VALUES ('Heartbeat Check', 'POST /api/heartbeat', '*/5 * * * *', 'UTC',
            '{"source": "auto-setup"}'::jsonb),
           ('Daily Status Check', 'GET /api/status', '0 9 * * *', 'America/New_York',
            NULL)
),
existing AS (
    SELECT schedule ->> 'id' AS id, schedule ->> 'name' AS name,
           concat_ws(' ', schedule ->> 'endpointMethod', schedule ->> 'endpointPath') AS endpoint
    FROM jsonb_array_elements(
        extsched_host(:'tenant', :'install', 'list') -> 'schedules') AS schedule
),
results AS (
    SELECT wanted.name, existing.id,
           CASE WHEN existing.id IS NULL
                THEN extsched_host(:'tenant', :'install', 'create', jsonb_build_object(
                    'name', wanted.name, 'endpoint', wanted.endpoint, 'cron', wanted.cron,
                    'timezone', wanted.timezone, 'payload', wanted.payload))
           END AS answer
    FROM wanted
    LEFT JOIN existing ON existing.name = wanted.name OR existing.endpoint = wanted.endpoint
)
SELECT name,
       CASE WHEN id IS NOT NULL THEN 'was there'
            WHEN (answer ->> 'success')::boolean THEN 'created'
            ELSE 'failed: ' || (answer ->> 'error')
       END AS result,
       coalesce(id, answer ->> 'scheduleId') AS schedule
FROM results;
