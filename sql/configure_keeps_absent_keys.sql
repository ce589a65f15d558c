-- extsched_configure_install changes the keys it is given, and no other.
SELECT regress.register(10, 'GET /a');
SELECT extsched_install('configured', regress.id(1), regress.id(10), '{cap:scheduler.manage}', '{"a": 1}', '{"ciphertext_b64": "MARKER"}');
CREATE VIEW regress.configured AS
SELECT granted, config, secret_envelope, runner, enabled FROM extsched.install WHERE tenant_id = 'configured';

SELECT extsched_configure_install('configured', regress.id(1), '{"config": {"b": [1, null]}}');
SELECT * FROM regress.configured;
SELECT extsched_configure_install('configured', regress.id(1), '{"runner": "green", "granted": ["cap:http.fetch", "Cap:Http.Fetch"]}');
SELECT * FROM regress.configured;

-- Null clears the secret envelope, and nothing else can be null.
SELECT extsched_configure_install('configured', regress.id(1), '{"secret_envelope": null, "granted": []}');
SELECT * FROM regress.configured;
SELECT key, regress.error(format('SELECT extsched_configure_install(%L, regress.id(1), %L)', 'configured', jsonb_build_object(key, NULL)))
  FROM unnest(ARRAY['config', 'granted', 'runner']) AS key;

-- Nothing to change: no record.
SELECT extsched_configure_install('configured', regress.id(1), '{}');
SELECT extsched_configure_install('configured', regress.id(1), '{"runner": "green"}');

-- An install is switched off and on; the call says only what changes.
SELECT extsched_set_install_enabled('configured', regress.id(1), false);
SELECT extsched_set_install_enabled('configured', regress.id(1), false);
SELECT enabled FROM regress.configured;
SELECT extsched_set_install_enabled('configured', regress.id(1), true);
SELECT enabled FROM regress.configured;

-- Each change is on record, with what changed and no secret.
SELECT action, before, after FROM extsched.audit_log WHERE tenant_id = 'configured' ORDER BY at;
SELECT count(*) AS leaks FROM extsched.audit_log WHERE before::text LIKE '%MARKER%' OR after::text LIKE '%MARKER%';

-- Refusals, each of which changes nothing.
SELECT changes, o.* FROM unnest(ARRAY['[]', '{"colour": 1, "Runner": "x"}', '{"config": []}', '{"secret_envelope": []}',
                                      '{"granted": "cap:http.fetch"}', '{"granted": [1]}', '{"granted": ["cap:fly"]}',
                                      '{"runner": 5}', '{"runner": "A"}', '{"runner": "blue", "granted": ["cap:fly"]}']) AS changes,
       regress.outcome(format('SELECT extsched_configure_install(%L, regress.id(1), %L)', 'configured', changes)) AS o;
SELECT regress.error($$SELECT extsched_configure_install('configured', regress.id(1), NULL)$$);
SELECT regress.error($$SELECT extsched_set_install_enabled('configured', regress.id(1), NULL)$$);
SELECT * FROM regress.configured;

-- An unknown install and one of another tenant are the same: absent.
SELECT * FROM regress.outcome($$SELECT extsched_configure_install('configured', regress.id(2), '{}')$$);
SELECT * FROM regress.outcome($$SELECT extsched_configure_install('other', regress.id(1), '{}')$$);
SELECT * FROM regress.outcome($$SELECT extsched_set_install_enabled('other', regress.id(1), false)$$);

DROP VIEW regress.configured;
SELECT extsched_drop_tenant('configured');
SELECT extsched_drop_version(regress.id(10));
