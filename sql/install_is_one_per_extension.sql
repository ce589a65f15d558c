-- A tenant has one install of an extension, at the version it was given.
SELECT regress.register(10, 'GET /a');
SELECT regress.register(11, 'GET /a');
SELECT regress.register(20, 'GET /a', 'cap:http.fetch cap:fly');
SELECT extsched_install('once', regress.id(1), regress.id(10), '{cap:scheduler.manage}', '{"region": "eu"}',
                        '{"ciphertext_b64": "c2VjcmV0"}', 'blue');

-- The same call again does nothing.
SELECT extsched_install('once', regress.id(1), regress.id(10), '{ CAP:scheduler.manage}', '{"region": "eu"}',
                        '{"ciphertext_b64": "c2VjcmV0"}', 'blue');
SELECT count(*) FROM extsched.audit_log WHERE tenant_id = 'once';

-- Any other call for it is refused and switches nothing: not its version, not
-- its id, not its settings.
SELECT * FROM regress.outcome($$SELECT extsched_install('once', regress.id(1), regress.id(11), '{cap:scheduler.manage}')$$);
SELECT * FROM regress.outcome($$SELECT extsched_install('once', regress.id(2), regress.id(11))$$);
SELECT * FROM regress.outcome($$SELECT extsched_install('once', regress.id(1), regress.id(20))$$);
SELECT regress.error($$SELECT extsched_install('once', regress.id(1), regress.id(10))$$);
SELECT version_id, granted, config, runner FROM extsched.install WHERE tenant_id = 'once';

-- Nor does the owner's own UPDATE, once a schedule depends on the version.
SELECT extsched_create('once', regress.id(1), 'GET /a', '0 * * * *') IS NOT NULL AS created;
SELECT regress.error($$UPDATE extsched.install SET version_id = regress.id(11) WHERE tenant_id = 'once'$$);

-- Another tenant, another extension, another install id: each is its own.
SELECT extsched_install('other', regress.id(1), regress.id(11));
SELECT extsched_install('once', regress.id(2), regress.id(20), '{cap:http.fetch,cap:storage.kv}');
SELECT tenant_id, install_id, version_id, granted, enabled FROM extsched.install ORDER BY tenant_id, install_id;

-- Ids of any uuid version are taken.
SELECT extsched_install('uuids', id, regress.id(10))
  FROM unnest('{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}'::uuid[]) AS id;
SELECT extsched_install('uuids', id, regress.id(20))
  FROM unnest('{320c3d4d-cc00-875b-8ec9-32d5f69181c0}'::uuid[]) AS id;

-- Effective capabilities: the defaults, plus what is declared AND granted.
-- Declared alone is nothing, nor is granted alone, until a version declares it.
SELECT i.tenant_id, i.install_id, extsched.effective_capabilities(v.capabilities, i.granted)
  FROM extsched.install AS i JOIN extsched.version AS v USING (version_id)
 WHERE i.tenant_id <> 'uuids' ORDER BY i.tenant_id, i.install_id;

-- Refusals.
SELECT * FROM regress.outcome($$SELECT extsched_install('new', regress.id(3), regress.id(99))$$);
SELECT * FROM regress.outcome($$SELECT extsched_install('new', regress.id(3), regress.id(10), '{cap:fly}')$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), '{NULL}')$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), config => '[]')$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), secret_envelope => '"text"')$$);
SELECT * FROM regress.outcome($$SELECT extsched_install('new', regress.id(3), regress.id(10), runner => 'Not.A.Name')$$);
SELECT * FROM regress.outcome($$SELECT extsched_install('', regress.id(3), regress.id(10))$$);
SELECT regress.error($$SELECT extsched_install(E'new\nline', regress.id(3), regress.id(10))$$);
SELECT regress.error($$SELECT extsched_install(repeat('x', 256), regress.id(3), regress.id(10))$$);
SELECT regress.error($$SELECT extsched_install(NULL, regress.id(3), regress.id(10))$$);
SELECT regress.error($$SELECT extsched_install('new', NULL, regress.id(10))$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), NULL)$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), granted => NULL)$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), config => NULL)$$);
SELECT regress.error($$SELECT extsched_install('new', regress.id(3), regress.id(10), runner => NULL)$$);

-- Config and envelope have room for 1 MB, and not a byte more.
SELECT regress.error(format($$SELECT extsched_install('new', regress.id(3), regress.id(10), config => jsonb_build_object('x', repeat('y', %s)))$$, n))
  FROM unnest(ARRAY[1048576 - 9, 1048576 - 8]) AS n;
SELECT outcome, message, detail FROM regress.outcome($$SELECT extsched_install('newer', regress.id(3), regress.id(10), secret_envelope => jsonb_build_object('x', repeat('y', 1048576)))$$);

SELECT tenant, extsched_drop_tenant(tenant) FROM unnest(ARRAY['once', 'new', 'other', 'uuids']) AS tenant;
SELECT extsched_drop_version(regress.id(n)) FROM unnest(ARRAY[10, 11, 20]) AS n;
