-- Everything that is wrong is reported at once, by the name of its field.
\pset format unaligned
SELECT regress.set_up('fields', 59);

-- Bad cron, zone and name: three field errors in one answer.
SELECT jsonb_pretty(regress.host('fields', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '* * * * *', 'timezone', 'Mars/Olympus', 'name', repeat('n', 129))));
-- One wrong field is the error itself.
SELECT regress.host('fields', 'create', '{"endpoint": "GET /nowhere", "cron": "0 0 * * *"}');
-- SQL has the same facts: the field in the message, what is wrong in the
-- detail, what to do in the hint; the SQLSTATE that they share, else 22023.
SELECT * FROM regress.outcome($$SELECT extsched_create('fields', regress.id(1), 'GET /a', '* * * * *', 'Mars/Olympus', repeat('n', 129))$$);
SELECT * FROM regress.outcome($$SELECT extsched_create('fields', regress.id(1), 'GET /nowhere', '0 0 * * *')$$);
SELECT * FROM regress.outcome($$SELECT extsched_create('fields', regress.id(1), NULL, NULL)$$);
SELECT * FROM regress.outcome($$SELECT extsched_create('fields', regress.id(1), 'GET /a', NULL, payload => jsonb_build_array(repeat('x', 100000)))$$);

-- create needs endpoint and cron, and nothing else; update needs nothing.
SELECT regress.verdict('fields', input) FROM unnest(ARRAY['{}', '{"endpoint": "GET /a"}', '{"cron": "0 0 * * *"}', '{"endpoint": "GET /a", "cron": "0 0 * * *"}']::jsonb[]) AS input;
SELECT regress.host('fields', 'create', '{"endpoint": null, "cron": null, "timezone": null, "enabled": null, "name": null, "payload": null, "options": null, "clientToken": null}') -> 'fieldErrors';

-- "enabled" is a boolean, not what looks like one.
SELECT enabled, regress.host('fields', 'create', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'enabled', enabled)) -> 'fieldErrors'
  FROM unnest('{"\"true\"","1","0","null","[]"}'::jsonb[]) AS enabled;

-- Unknown keys are errors of their own name: of the input, of its options, of
-- changes; also the right key in the wrong case or of another operation.
SELECT regress.host('fields', 'create', '{"endpoint": "GET /a", "cron": "0 0 * * *", "Name": "x", "timeZone": "UTC", "scheduleId": null, "ifRevision": 1, "options": {"retries": 3, "Overlap": "skip"}}') -> 'fieldErrors';
SELECT extsched_create('fields', regress.id(1), 'GET /a', '0 0 * * *', name => 'known') IS NOT NULL AS created;
SELECT * FROM regress.outcome($$SELECT extsched_update('fields', regress.id(1), regress.schedule('fields', 'known'), '{"tz": "UTC", "scheduleId": "x", "clientToken": "x", "options": {"x": 1}}')$$);
SELECT * FROM regress.outcome($$SELECT extsched_create('fields', regress.id(1), 'GET /a', '0 0 * * *', options => '{"retries": 3}')$$);
SELECT regress.error(format($$SELECT extsched_update('fields', regress.id(1), regress.schedule('fields', 'known'), %L)$$, changes)) FROM unnest('{"[]","null","7",NULL}'::text[]) AS changes;
SELECT regress.error(format($$SELECT extsched_create('fields', regress.id(1), 'GET /a', '0 0 * * *', options => %L)$$, options)) FROM unnest('{"[]","null","7"}'::text[]) AS options;
SELECT extsched_validate('fields', regress.id(1), input) FROM unnest('{"[]","{\"x\": 1}",NULL}'::jsonb[]) AS input;

-- Every option has a type and a range.
SELECT option, value, regress.verdict('fields', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'options', jsonb_build_object(option, value)))
  FROM (VALUES ('overlap', '"skip"'::jsonb), ('overlap', '"queue_one"'), ('overlap', '"allow"'), ('overlap', '"queue"'), ('overlap', '""'), ('overlap', '"skip|allow"'), ('overlap', 'null'),
               ('catch_up_s', '0'), ('catch_up_s', '2419200'), ('catch_up_s', '2419201'), ('max_attempts', '1'), ('max_attempts', '0'), ('max_attempts', '101'), ('max_attempts', '2.0'), ('max_attempts', '"3"'),
               ('backoff_s', '86401'), ('max_age_s', '0'), ('pause_after_failures', '0'), ('timeout_ms', 'null'), ('timeout_ms', '0'), ('timeout_ms', '3600000'), ('on_unknown', '"lost"'), ('on_unknown', '"maybe"'), ('jitter_s', '3600'), ('jitter_s', '3601'),
               ('starts_at', '"2026-01-31T08:00:00Z"'), ('starts_at', '"2026-01-31T08:00:00.5+02:00"'), ('starts_at', 'null'), ('starts_at', '"2026-02-30T08:00:00Z"'), ('starts_at', '"2026-01-31"'), ('starts_at', '"2026-01-31T08:00:00"'), ('starts_at', '"now"'), ('starts_at', '"infinity"'), ('starts_at', '1769846400'), ('ends_at', '"9999-12-31T23:59:59Z"'), ('ends_at', '"2026-13-01T00:00:00Z"')) AS o (option, value);
SELECT regress.verdict('fields', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'options', jsonb_build_object('starts_at', '2026-01-31T08:00:00Z', 'ends_at', ends_at)))
  FROM unnest('{2026-01-31T08:00:00Z,2026-01-31T07:59:59Z,2026-01-31T08:00:01Z}'::text[]) AS ends_at;

-- The name: trimmed, blank is none, 128 characters pass.
SELECT char_length(name) AS characters, regress.verdict('fields', jsonb_build_object('endpoint', 'GET /a', 'cron', '0 0 * * *', 'name', name))
  FROM unnest(ARRAY['', '   ', repeat('n', 128), repeat('n', 129), ' ' || repeat('é', 128) || E'\t', repeat('é', 129), repeat(U&'\+01F600', 128)]) AS name;

SELECT count(*) FROM extsched.schedule WHERE tenant_id = 'fields';
SELECT extsched_drop_tenant('fields');
SELECT extsched_drop_version(regress.id(59));
