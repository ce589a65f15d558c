--
-- The data model.
--
-- Keys of a tenant's table begin with tenant_id, so that the tables can be
-- distributed by it.  No foreign key cascades: clean-up is explicit.  CHECKs
-- are immutable and look only at their own row; what depends on settings,
-- limits, zone data or other rows is enforced by the functions, and judged
-- again at claim.
--

CREATE TABLE extsched.identity (
    singleton         boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    system_identifier text NOT NULL,
    database_oid      oid NOT NULL,
    worker_epoch      bigint NOT NULL DEFAULT 0,
    adopted_at        timestamptz NOT NULL,
    clock_at          timestamptz
);
COMMENT ON TABLE extsched.identity IS 'Where this schedule set runs: one row, written by the first API write. A copy carries the row of its original and stays paused until extsched_adopt().';
COMMENT ON COLUMN extsched.identity.singleton IS 'Always true: there is one row.';
COMMENT ON COLUMN extsched.identity.system_identifier IS 'System identifier of the cluster the schedules run in, decimal.';
COMMENT ON COLUMN extsched.identity.database_oid IS 'OID of the database the schedules run in.';
COMMENT ON COLUMN extsched.identity.worker_epoch IS 'Raised at each start of a worker; part of the fence that every request carries.';
COMMENT ON COLUMN extsched.identity.adopted_at IS 'When this identity was taken.';
COMMENT ON COLUMN extsched.identity.clock_at IS 'The clock of the scheduler when a worker last looked at everything, once a minute: a worker that starts before it knows that the clock was set back.';

CREATE TABLE extsched.capability (
    capability  text PRIMARY KEY CHECK (capability ~ '^cap:[a-z0-9_.]{1,120}$'),
    description text
);
COMMENT ON TABLE extsched.capability IS 'Capabilities known in addition to the built-in ones.';
COMMENT ON COLUMN extsched.capability.capability IS 'Name, lower case, with its cap: prefix.';
COMMENT ON COLUMN extsched.capability.description IS 'What it allows, for people.';

CREATE TABLE extsched.version (
    version_id    uuid PRIMARY KEY,
    registry_id   uuid NOT NULL,
    content_hash  text NOT NULL CHECK (octet_length(content_hash) BETWEEN 1 AND 255 AND content_hash !~ '[\x01-\x20\x7f]'),
    name          text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    label         text NOT NULL CHECK (octet_length(label) BETWEEN 1 AND 255),
    capabilities  text[] NOT NULL,
    registered_at timestamptz NOT NULL,
    UNIQUE (version_id, registry_id)
);
COMMENT ON TABLE extsched.version IS 'A released version of a registry entry. Written by extsched_register_version.';
COMMENT ON COLUMN extsched.version.version_id IS 'Id of the version.';
COMMENT ON COLUMN extsched.version.registry_id IS 'Id of the extension in the registry.';
COMMENT ON COLUMN extsched.version.content_hash IS 'Hash of the bundle, as registered; sent with a sha256: prefix.';
COMMENT ON COLUMN extsched.version.name IS 'Name of the extension, from the manifest.';
COMMENT ON COLUMN extsched.version.label IS 'Version text, from the manifest.';
COMMENT ON COLUMN extsched.version.capabilities IS 'Declared capabilities: trimmed, lower case, sorted, distinct. Declaring grants nothing.';
COMMENT ON COLUMN extsched.version.registered_at IS 'When the version was first registered.';

CREATE TABLE extsched.endpoint (
    endpoint_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    version_id  uuid NOT NULL REFERENCES extsched.version ON DELETE RESTRICT,
    method      text NOT NULL CHECK (method ~ '^[A-Z]{1,16}$'),
    path        text NOT NULL CHECK (octet_length(path) BETWEEN 1 AND 2048 AND path ~ '^/' AND path !~ '[?#\x01-\x20\x7f]'),
    handler     text NOT NULL CHECK (octet_length(handler) BETWEEN 1 AND 1024),
    schedulable boolean NOT NULL,
    UNIQUE (version_id, method, path),
    UNIQUE (version_id, endpoint_id, method, path),
    CHECK (NOT schedulable OR (method IN ('GET', 'POST') AND path !~ '[:{}]'))
);
COMMENT ON TABLE extsched.endpoint IS 'The endpoints of a version: the only source at run time. Written by extsched_register_version.';
COMMENT ON COLUMN extsched.endpoint.endpoint_id IS 'Id; stays when the version is registered again.';
COMMENT ON COLUMN extsched.endpoint.version_id IS 'The version that has it.';
COMMENT ON COLUMN extsched.endpoint.method IS 'HTTP method, upper case.';
COMMENT ON COLUMN extsched.endpoint.path IS 'Path, normalised: leading slash, single slashes.';
COMMENT ON COLUMN extsched.endpoint.handler IS 'Name of the handler in the bundle.';
COMMENT ON COLUMN extsched.endpoint.schedulable IS 'Whether a schedule may call it: GET or POST, no path parameter, not opted out by the manifest.';

CREATE TABLE extsched.tenant (
    tenant_id    text PRIMARY KEY CHECK (octet_length(tenant_id) BETWEEN 1 AND 255 AND tenant_id !~ '[\x01-\x1f\x7f]'),
    is_paused    boolean NOT NULL DEFAULT false,
    pause_reason text CHECK (octet_length(pause_reason) <= 4000),
    paused_at    timestamptz,
    limits       jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    CHECK (is_paused OR (pause_reason IS NULL AND paused_at IS NULL))
);
COMMENT ON TABLE extsched.tenant IS 'What holds for all installs of a tenant: kill switch and limit overrides. The row exists from the first install, pause or limit on.';
COMMENT ON COLUMN extsched.tenant.tenant_id IS 'The tenant, 1 to 255 bytes without control characters.';
COMMENT ON COLUMN extsched.tenant.is_paused IS 'True: no run of the tenant starts; nominal times are recorded as skipped, tenant_paused.';
COMMENT ON COLUMN extsched.tenant.pause_reason IS 'Why, for people; null when not paused.';
COMMENT ON COLUMN extsched.tenant.paused_at IS 'Since when; null when not paused.';
COMMENT ON COLUMN extsched.tenant.limits IS 'Overrides of the settings for this tenant, by name; 0 means none at all, -1 no limit. Written by extsched_set_limits.';

CREATE TABLE extsched.tenant_limiter (
    tenant_id text PRIMARY KEY REFERENCES extsched.tenant ON DELETE RESTRICT,
    called_at timestamptz[] NOT NULL DEFAULT '{}',
    calls     integer[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50);
COMMENT ON TABLE extsched.tenant_limiter IS 'The sliding minute of run-now calls of a tenant, and the lock under which its totals are counted.';
COMMENT ON COLUMN extsched.tenant_limiter.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.tenant_limiter.called_at IS 'When calls of the last minute were charged, oldest first.';
COMMENT ON COLUMN extsched.tenant_limiter.calls IS 'How many calls each instant of called_at stands for.';

CREATE TABLE extsched.install (
    tenant_id       text NOT NULL REFERENCES extsched.tenant ON DELETE RESTRICT,
    install_id      uuid NOT NULL,
    registry_id     uuid NOT NULL,
    version_id      uuid NOT NULL,
    granted         text[] NOT NULL DEFAULT '{}',
    config          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
    secret_envelope jsonb CHECK (jsonb_typeof(secret_envelope) = 'object'),
    runner          text NOT NULL DEFAULT 'default' CHECK (runner ~ '^[a-z][a-z0-9_]{0,53}$'),
    enabled         boolean NOT NULL DEFAULT true,
    limits          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(limits) = 'object'),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, install_id),
    UNIQUE (tenant_id, registry_id),
    UNIQUE (tenant_id, install_id, version_id),
    FOREIGN KEY (version_id, registry_id) REFERENCES extsched.version (version_id, registry_id) ON DELETE RESTRICT
) WITH (fillfactor = 80);
CREATE INDEX ON extsched.install (version_id);
COMMENT ON TABLE extsched.install IS 'One extension installed for one tenant at one version.';
COMMENT ON COLUMN extsched.install.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.install.install_id IS 'Id of the install; known only together with its tenant.';
COMMENT ON COLUMN extsched.install.registry_id IS 'The extension; once per tenant.';
COMMENT ON COLUMN extsched.install.version_id IS 'The installed version. Changed only by extsched_upgrade_install.';
COMMENT ON COLUMN extsched.install.granted IS 'Granted capabilities: trimmed, lower case, sorted, distinct. Effective only when the version declares them too.';
COMMENT ON COLUMN extsched.install.config IS 'Configuration sent with each request; no secrets.';
COMMENT ON COLUMN extsched.install.secret_envelope IS 'Opaque encrypted secrets, sent as stored; null when there are none. Never logged, never shown.';
COMMENT ON COLUMN extsched.install.runner IS 'Name of the Runner that executes it.';
COMMENT ON COLUMN extsched.install.enabled IS 'False: nominal times of its schedules are recorded as skipped, install_disabled.';
COMMENT ON COLUMN extsched.install.limits IS 'Overrides for this install, by name; they win over those of the tenant.';
COMMENT ON COLUMN extsched.install.created_at IS 'When it was installed.';
COMMENT ON COLUMN extsched.install.updated_at IS 'When version, config, envelope, grants, runner or enabled last changed.';

CREATE TABLE extsched.install_limiter (
    tenant_id  text NOT NULL,
    install_id uuid NOT NULL,
    called_at  timestamptz[] NOT NULL DEFAULT '{}',
    calls      integer[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant_id, install_id),
    FOREIGN KEY (tenant_id, install_id) REFERENCES extsched.install ON DELETE RESTRICT
) WITH (fillfactor = 50);
COMMENT ON TABLE extsched.install_limiter IS 'The sliding minute of host calls of an install, and the lock under which its schedules are counted and named.';
COMMENT ON COLUMN extsched.install_limiter.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.install_limiter.install_id IS 'The install.';
COMMENT ON COLUMN extsched.install_limiter.called_at IS 'When calls of the last minute were charged, oldest first.';
COMMENT ON COLUMN extsched.install_limiter.calls IS 'How many calls each instant of called_at stands for.';

CREATE TABLE extsched.schedule (
    tenant_id            text NOT NULL,
    schedule_id          uuid NOT NULL DEFAULT gen_random_uuid(),
    install_id           uuid NOT NULL,
    version_id           uuid,
    endpoint_id          uuid,
    endpoint_method      text NOT NULL,
    endpoint_path        text NOT NULL,
    name                 text,
    cron                 text NOT NULL,
    timezone             text NOT NULL,
    payload              jsonb,
    enabled              boolean NOT NULL,
    overlap              text NOT NULL DEFAULT 'skip',
    catch_up_s           integer NOT NULL DEFAULT 3600,
    max_attempts         integer NOT NULL DEFAULT 3,
    backoff_s            integer NOT NULL DEFAULT 10,
    max_age_s            integer NOT NULL DEFAULT 3600,
    pause_after_failures integer NOT NULL DEFAULT 20,
    timeout_ms           integer,
    on_unknown           text NOT NULL DEFAULT 'retry',
    starts_at            timestamptz,
    ends_at              timestamptz,
    jitter_s             integer NOT NULL DEFAULT 0,
    client_token         text,
    client_digest        text,
    invalid_reason       text,
    created_via          text NOT NULL,
    created_at           timestamptz NOT NULL,
    updated_at           timestamptz NOT NULL,
    revision             bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, schedule_id),
    FOREIGN KEY (tenant_id, install_id) REFERENCES extsched.install (tenant_id, install_id) ON DELETE RESTRICT,
    CONSTRAINT schedule_installed_version FOREIGN KEY (tenant_id, install_id, version_id)
        REFERENCES extsched.install (tenant_id, install_id, version_id) ON DELETE NO ACTION ON UPDATE NO ACTION DEFERRABLE INITIALLY IMMEDIATE,
    FOREIGN KEY (version_id, endpoint_id, endpoint_method, endpoint_path)
        REFERENCES extsched.endpoint (version_id, endpoint_id, method, path) ON DELETE RESTRICT,
    CONSTRAINT schedule_is_sound CHECK (extsched.schedule_is_sound(
        version_id, endpoint_id, name, cron, timezone, payload, enabled, overlap, catch_up_s, max_attempts, backoff_s,
        max_age_s, pause_after_failures, timeout_ms, on_unknown, starts_at, ends_at, jitter_s, client_token,
        client_digest, invalid_reason, created_via, revision))
);
CREATE UNIQUE INDEX ON extsched.schedule (tenant_id, install_id, name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX ON extsched.schedule (tenant_id, install_id, client_token) WHERE client_token IS NOT NULL;
CREATE INDEX ON extsched.schedule (tenant_id, install_id, created_at, schedule_id);
CREATE INDEX ON extsched.schedule (version_id, endpoint_id);
CREATE INDEX ON extsched.schedule (timezone, created_at, tenant_id, schedule_id);
COMMENT ON TABLE extsched.schedule IS 'The definition of a schedule: wide, rarely written, never by the worker.';
COMMENT ON COLUMN extsched.schedule.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.schedule.schedule_id IS 'Id of the schedule; also what H in its cron expression hashes.';
COMMENT ON COLUMN extsched.schedule.install_id IS 'The install it belongs to.';
COMMENT ON COLUMN extsched.schedule.version_id IS 'The installed version; null when the endpoint is missing after an upgrade, so that it keeps no old version alive.';
COMMENT ON COLUMN extsched.schedule.endpoint_id IS 'The endpoint it calls; null when that is missing after an upgrade.';
COMMENT ON COLUMN extsched.schedule.endpoint_method IS 'Method of the endpoint; kept when the endpoint is missing.';
COMMENT ON COLUMN extsched.schedule.endpoint_path IS 'Path of the endpoint; kept when the endpoint is missing.';
COMMENT ON COLUMN extsched.schedule.name IS 'Name, unique in its install, case-sensitive; null for none.';
COMMENT ON COLUMN extsched.schedule.cron IS 'Cron expression, trimmed, else as typed.';
COMMENT ON COLUMN extsched.schedule.timezone IS 'IANA zone in canonical case.';
COMMENT ON COLUMN extsched.schedule.payload IS 'JSON object or array sent as the body of a POST; null for none.';
COMMENT ON COLUMN extsched.schedule.enabled IS 'The wish of the extension; false: no nominal time is due.';
COMMENT ON COLUMN extsched.schedule.overlap IS 'What happens to a nominal time while an earlier run is not finished.';
COMMENT ON COLUMN extsched.schedule.catch_up_s IS 'How late, in seconds, the latest missed nominal time may still run.';
COMMENT ON COLUMN extsched.schedule.max_attempts IS 'Attempts of a run, the first included.';
COMMENT ON COLUMN extsched.schedule.backoff_s IS 'Seconds before the second attempt; doubles with each further one.';
COMMENT ON COLUMN extsched.schedule.max_age_s IS 'Seconds after its creation in which a run may still start an attempt.';
COMMENT ON COLUMN extsched.schedule.pause_after_failures IS 'Failed runs in a row after which the schedule is paused; 0 means never.';
COMMENT ON COLUMN extsched.schedule.timeout_ms IS 'Time for one attempt in milliseconds; null means that of the Runner.';
COMMENT ON COLUMN extsched.schedule.on_unknown IS 'What to do with an attempt whose outcome a crash hid: retry under the same key, or end the run as lost.';
COMMENT ON COLUMN extsched.schedule.starts_at IS 'Nominal times before it are not due; null for no bound.';
COMMENT ON COLUMN extsched.schedule.ends_at IS 'Nominal times after it are not due; null for no bound.';
COMMENT ON COLUMN extsched.schedule.jitter_s IS 'Dispatch is delayed by a fixed part of this many seconds; the nominal time stays.';
COMMENT ON COLUMN extsched.schedule.client_token IS 'Token of the create call that made it; the same token returns this schedule.';
COMMENT ON COLUMN extsched.schedule.client_digest IS 'Digest of what that call asked for.';
COMMENT ON COLUMN extsched.schedule.invalid_reason IS 'Why it cannot be enabled, set by an upgrade that lost its endpoint; null when it can.';
COMMENT ON COLUMN extsched.schedule.created_via IS 'host_api for the host face, admin for the SQL face.';
COMMENT ON COLUMN extsched.schedule.created_at IS 'When it was created; orders lists.';
COMMENT ON COLUMN extsched.schedule.updated_at IS 'When it was last changed.';
COMMENT ON COLUMN extsched.schedule.revision IS 'Raised by one with each change.';

CREATE TABLE extsched.timer (
    tenant_id            text NOT NULL,
    schedule_id          uuid NOT NULL,
    next_due             timestamptz,
    accounted_from       timestamptz NOT NULL,
    in_flight            integer NOT NULL DEFAULT 0,
    consecutive_failures integer NOT NULL DEFAULT 0,
    is_paused            boolean NOT NULL DEFAULT false,
    pause_reason         text,
    paused_at            timestamptz,
    quarantine_reason    text,
    succeeded_total      bigint NOT NULL DEFAULT 0,
    failed_total         bigint NOT NULL DEFAULT 0,
    last_run_at          timestamptz,
    last_run_status      text,
    last_error           text,
    last_success_at      timestamptz,
    PRIMARY KEY (tenant_id, schedule_id),
    FOREIGN KEY (tenant_id, schedule_id) REFERENCES extsched.schedule (tenant_id, schedule_id) ON DELETE RESTRICT,
    CONSTRAINT timer_is_sound CHECK (extsched.timer_is_sound(
        next_due, accounted_from, in_flight, consecutive_failures, is_paused, pause_reason, paused_at,
        quarantine_reason, last_run_status, last_error))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);
CREATE INDEX timer_next_due ON extsched.timer (next_due) WHERE next_due IS NOT NULL;
-- Claims come back to the same few times of a tenant again and again: a list of
-- equal entries could be skipped only once the last of them is dead.
CREATE INDEX timer_tenant_due ON extsched.timer (tenant_id, next_due) WITH (deduplicate_items = off) WHERE next_due IS NOT NULL;
COMMENT ON TABLE extsched.timer IS 'The state of a schedule: narrow and hot. Each schedule has exactly one.';
COMMENT ON COLUMN extsched.timer.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.timer.schedule_id IS 'The schedule.';
COMMENT ON COLUMN extsched.timer.next_due IS 'The next nominal time; null when none is due: disabled, quarantined, or past ends_at.';
COMMENT ON COLUMN extsched.timer.accounted_from IS 'Nominal times from here up to next_due each have one record. Set at create and at every re-arm.';
COMMENT ON COLUMN extsched.timer.in_flight IS 'Runs of the schedule that are pending, running or retrying.';
COMMENT ON COLUMN extsched.timer.consecutive_failures IS 'Failed runs since the last success or resume.';
COMMENT ON COLUMN extsched.timer.is_paused IS 'True: nominal times are recorded as skipped, schedule_paused.';
COMMENT ON COLUMN extsched.timer.pause_reason IS 'Why, for people; null when not paused.';
COMMENT ON COLUMN extsched.timer.paused_at IS 'Since when; null when not paused.';
COMMENT ON COLUMN extsched.timer.quarantine_reason IS 'Why the worker refuses to fire it until it is changed or resumed; null when sound.';
COMMENT ON COLUMN extsched.timer.succeeded_total IS 'Runs that succeeded.';
COMMENT ON COLUMN extsched.timer.failed_total IS 'Runs that ended failed or lost.';
COMMENT ON COLUMN extsched.timer.last_run_at IS 'Dispatch time of the last finished run; skips and misses do not count.';
COMMENT ON COLUMN extsched.timer.last_run_status IS 'success or error: outcome of the last finished run.';
COMMENT ON COLUMN extsched.timer.last_error IS 'Error of the last finished run; null after a success.';
COMMENT ON COLUMN extsched.timer.last_success_at IS 'When a run last ended succeeded.';

CREATE TABLE extsched.run (
    tenant_id          text NOT NULL,
    schedule_id        uuid NOT NULL,
    nominal_time       timestamptz NOT NULL,
    trigger            text NOT NULL,
    slot               smallint NOT NULL,
    run_id             uuid NOT NULL,
    install_id         uuid NOT NULL,
    runner             text NOT NULL,
    state              text NOT NULL,
    reason             text,
    attempt            integer NOT NULL DEFAULT 0,
    waits_for_slot     boolean NOT NULL DEFAULT false,
    ready_at           timestamptz NOT NULL,
    created_at         timestamptz NOT NULL,
    dispatched_at      timestamptz,
    attempt_at         timestamptz,
    finished_at        timestamptz,
    lease_id           uuid,
    lease_owner        text,
    lease_expires_at   timestamptz,
    http_status        integer,
    error              text,
    response_excerpt   text,
    request_id         uuid,
    caller_key         text,
    missed_count       integer,
    missed_first       timestamptz,
    registry_id        uuid,
    version_id         uuid,
    content_hash       text,
    schedule_name      text,
    endpoint_method    text,
    endpoint_path      text,
    PRIMARY KEY (tenant_id, schedule_id, nominal_time, trigger, slot),
    CONSTRAINT run_is_sound CHECK (extsched.run_is_sound(
        trigger, nominal_time, slot, state, reason, finished_at, lease_id, error, missed_count, missed_first))
) PARTITION BY LIST (slot);
CREATE INDEX ON extsched.run (run_id);
-- What waits is found oldest first, or oldest first of one tenant; what waits
-- for a slot by its schedule; what runs by its lease.  Most runs are born
-- running, and enter only the index of leases.
CREATE INDEX ON extsched.run (runner, ready_at) WHERE state IN ('pending', 'retrying') AND NOT waits_for_slot;
CREATE INDEX ON extsched.run (runner, tenant_id, ready_at) WHERE state IN ('pending', 'retrying') AND NOT waits_for_slot;
CREATE INDEX ON extsched.run (tenant_id, schedule_id, nominal_time) WHERE waits_for_slot;
CREATE INDEX ON extsched.run (runner, lease_expires_at) WHERE state = 'running';
CREATE INDEX ON extsched.run (tenant_id, schedule_id, caller_key) WHERE caller_key IS NOT NULL;
COMMENT ON TABLE extsched.run IS 'What became of each nominal time and of each run-now: one row, written by the worker. Partitioned by UTC day modulo 32, emptied a whole partition at a time. No foreign key: history outlives its schedule.';
COMMENT ON COLUMN extsched.run.tenant_id IS 'The tenant.';
COMMENT ON COLUMN extsched.run.schedule_id IS 'The schedule; it may be deleted by now.';
COMMENT ON COLUMN extsched.run.nominal_time IS 'The instant it stands for; of a missed range the last one; of a manual run the time of the call.';
COMMENT ON COLUMN extsched.run.trigger IS 'schedule, manual (run-now) or backfill.';
COMMENT ON COLUMN extsched.run.slot IS 'Partition: extsched.run_slot(nominal_time).';
COMMENT ON COLUMN extsched.run.run_id IS 'Id and idempotency key: extsched.run_id(tenant, schedule, nominal time, trigger).';
COMMENT ON COLUMN extsched.run.install_id IS 'The install.';
COMMENT ON COLUMN extsched.run.runner IS 'Name of the Runner chosen when the run was made.';
COMMENT ON COLUMN extsched.run.state IS 'pending, running, retrying, then one of succeeded, failed, lost, skipped, missed, cancelled.';
COMMENT ON COLUMN extsched.run.reason IS 'Why it ended otherwise than succeeded; null while live and after a success.';
COMMENT ON COLUMN extsched.run.attempt IS 'Attempts begun so far.';
COMMENT ON COLUMN extsched.run.waits_for_slot IS 'True while an earlier run of the schedule must end first: queue_one, backfill.';
COMMENT ON COLUMN extsched.run.ready_at IS 'Not dispatched before it: nominal time plus jitter, or the time of the next attempt.';
COMMENT ON COLUMN extsched.run.created_at IS 'When the run was made; max_age_s counts from here.';
COMMENT ON COLUMN extsched.run.dispatched_at IS 'Start of the first attempt; minus nominal_time it is the lateness.';
COMMENT ON COLUMN extsched.run.attempt_at IS 'Start of the latest attempt.';
COMMENT ON COLUMN extsched.run.finished_at IS 'When it reached its terminal state; null while live.';
COMMENT ON COLUMN extsched.run.lease_id IS 'Lease of the attempt under way.';
COMMENT ON COLUMN extsched.run.lease_owner IS 'Who holds the lease: a worker, or the role of a pulling Runner.';
COMMENT ON COLUMN extsched.run.lease_expires_at IS 'When the outcome counts as unknown.';
COMMENT ON COLUMN extsched.run.http_status IS 'The status that decided: of the reply inside, or of HTTP; null when there was none.';
COMMENT ON COLUMN extsched.run.error IS 'What went wrong, at most 4,000 bytes.';
COMMENT ON COLUMN extsched.run.response_excerpt IS 'The beginning of the reply.';
COMMENT ON COLUMN extsched.run.request_id IS 'x-request-id of the latest attempt.';
COMMENT ON COLUMN extsched.run.caller_key IS 'Idempotency key given to extsched_run_now.';
COMMENT ON COLUMN extsched.run.missed_count IS 'Number of nominal times a missed row stands for.';
COMMENT ON COLUMN extsched.run.missed_first IS 'First nominal time of a missed row.';
COMMENT ON COLUMN extsched.run.registry_id IS 'The extension, as of the latest attempt.';
COMMENT ON COLUMN extsched.run.version_id IS 'The version, as of the latest attempt.';
COMMENT ON COLUMN extsched.run.content_hash IS 'Hash of the bundle, as of the latest attempt.';
COMMENT ON COLUMN extsched.run.schedule_name IS 'Name of the schedule when the run was made.';
COMMENT ON COLUMN extsched.run.endpoint_method IS 'Method called.';
COMMENT ON COLUMN extsched.run.endpoint_path IS 'Path called.';

CREATE TABLE extsched.audit (
    tenant_id     text NOT NULL,
    at            timestamptz NOT NULL,
    audit_id      uuid NOT NULL DEFAULT gen_random_uuid(),
    slot          smallint NOT NULL,
    actor         name NOT NULL,
    session_actor name NOT NULL,
    face          text NOT NULL,
    action        text NOT NULL,
    install_id    uuid,
    schedule_id   uuid,
    object_name   text,
    before        jsonb,
    after         jsonb,
    PRIMARY KEY (tenant_id, at, audit_id, slot),
    CHECK (slot = extsched.audit_slot(at))
) PARTITION BY LIST (slot);
COMMENT ON TABLE extsched.audit IS 'Who changed what, in the transaction of the change. Partitioned by UTC week modulo 32, emptied a whole partition at a time.';
COMMENT ON COLUMN extsched.audit.tenant_id IS 'The tenant; empty for what belongs to none, as a Runner.';
COMMENT ON COLUMN extsched.audit.at IS 'When, server clock.';
COMMENT ON COLUMN extsched.audit.audit_id IS 'Distinguishes records of one instant.';
COMMENT ON COLUMN extsched.audit.slot IS 'Partition: extsched.audit_slot(at).';
COMMENT ON COLUMN extsched.audit.actor IS 'The role that acted: the outer role, whatever definer functions stand between.';
COMMENT ON COLUMN extsched.audit.session_actor IS 'The role that logged in.';
COMMENT ON COLUMN extsched.audit.face IS 'host for the host face, sql for the SQL face, worker for what the worker did by itself.';
COMMENT ON COLUMN extsched.audit.action IS 'What was done, for example schedule.create.';
COMMENT ON COLUMN extsched.audit.install_id IS 'The install, when there is one.';
COMMENT ON COLUMN extsched.audit.schedule_id IS 'The schedule, when there is one.';
COMMENT ON COLUMN extsched.audit.object_name IS 'Its name at that time.';
COMMENT ON COLUMN extsched.audit.before IS 'The changed fields before; no secrets, of a payload only its size and digest.';
COMMENT ON COLUMN extsched.audit.after IS 'The changed fields after; no secrets, of a payload only its size and digest.';

-- Both rings are made once, here: partitions made later would not be members
-- of the extension, and would break dump and restore.
DO $rings$
DECLARE
    slot integer;
BEGIN
    FOR slot IN 0..31 LOOP
        EXECUTE format('CREATE TABLE extsched.run_%s PARTITION OF extsched.run FOR VALUES IN (%s) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)',
                       to_char(slot, 'FM00'), slot);
        EXECUTE format('COMMENT ON TABLE extsched.run_%s IS %L', to_char(slot, 'FM00'),
                       format('History of the UTC days that are %s modulo 32.', slot));
        EXECUTE format('CREATE TABLE extsched.audit_%s PARTITION OF extsched.audit FOR VALUES IN (%s)',
                       to_char(slot, 'FM00'), slot);
        EXECUTE format('COMMENT ON TABLE extsched.audit_%s IS %L', to_char(slot, 'FM00'),
                       format('Audit records of the UTC weeks that are %s modulo 32.', slot));
        PERFORM pg_extension_config_dump(format('extsched.audit_%s', to_char(slot, 'FM00')), '');
    END LOOP;
END
$rings$;

CREATE TABLE extsched.runner (
    runner             text PRIMARY KEY CHECK (runner ~ '^[a-z][a-z0-9_]{0,53}$'),
    transport          text NOT NULL CHECK (transport IN ('http', 'notify')),
    base_url           text CHECK (octet_length(base_url) <= 2048),
    timeout_ms         integer CHECK (timeout_ms BETWEEN 1 AND 3600000),
    connect_timeout_ms integer CHECK (connect_timeout_ms BETWEEN 1 AND 3600000),
    max_in_flight      integer CHECK (max_in_flight BETWEEN 1 AND 100000),
    context_headers    boolean NOT NULL DEFAULT false,
    CHECK ((transport = 'http') = (base_url IS NOT NULL))
);
COMMENT ON TABLE extsched.runner IS 'The Runners of the platform. Only administrators write them, through extsched_set_runner.';
COMMENT ON COLUMN extsched.runner.runner IS 'Name; also the channel extsched_<name> of a notify Runner.';
COMMENT ON COLUMN extsched.runner.transport IS 'http: requests are sent to base_url; notify: Runners claim.';
COMMENT ON COLUMN extsched.runner.base_url IS 'Prefix of /v1/execute, without credentials; null for notify.';
COMMENT ON COLUMN extsched.runner.timeout_ms IS 'Time for one attempt in milliseconds; null means extsched.run_timeout.';
COMMENT ON COLUMN extsched.runner.connect_timeout_ms IS 'Time for connecting in milliseconds; null means no bound of its own.';
COMMENT ON COLUMN extsched.runner.max_in_flight IS 'Requests in flight at this Runner; null means no bound of its own.';
COMMENT ON COLUMN extsched.runner.context_headers IS 'Also send trigger, schedule id and nominal time as http.headers.';

CREATE TABLE extsched.access_grant (
    role_name name NOT NULL,
    access    text NOT NULL CHECK (access IN ('host', 'runner', 'admin', 'monitor')),
    runner    text NOT NULL DEFAULT '' CHECK ((access = 'runner') = (runner <> '')),
    PRIMARY KEY (role_name, access, runner)
);
COMMENT ON TABLE extsched.access_grant IS 'What extsched_grant gave to whom; upgrade scripts apply it again.';
COMMENT ON COLUMN extsched.access_grant.role_name IS 'The role, by name: a dump must restore where the role is made later.';
COMMENT ON COLUMN extsched.access_grant.access IS 'host, runner, admin or monitor.';
COMMENT ON COLUMN extsched.access_grant.runner IS 'The Runner that a runner role may claim for; empty for other access.';

CREATE TABLE extsched.zone (
    timezone    text PRIMARY KEY,
    fingerprint text NOT NULL,
    seen_at     timestamptz NOT NULL
);
COMMENT ON TABLE extsched.zone IS 'The zone data that stored due times were computed from. Written by the worker, which re-arms the timers of a zone when its data change.';
COMMENT ON COLUMN extsched.zone.timezone IS 'IANA zone in canonical case.';
COMMENT ON COLUMN extsched.zone.fingerprint IS 'Hash of the zone file.';
COMMENT ON COLUMN extsched.zone.seen_at IS 'When these data were first seen.';

-- One statement each: the extension's row can be written once a command.
DO $dumped$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['identity', 'capability', 'version', 'endpoint', 'tenant', 'install', 'schedule',
                                'timer', 'tenant_limiter', 'install_limiter', 'runner', 'access_grant', 'zone'] LOOP
        PERFORM pg_extension_config_dump(format('extsched.%s', name), '');
    END LOOP;
END
$dumped$;
