/*
 * admin_db.ts: what a tenant's administrator can do, as statements.
 *
 * Every method takes the tenant from the session and binds it; the database
 * answers for what is another tenant's exactly as for what does not exist.  The
 * role of the pool needs extsched_grant(role, 'admin').
 */

import type { Pool, QueryResultRow } from 'pg';

import type { EndpointRow, RemapRow, RunRow, ScheduleInput, ScheduleRow, Verdict } from './admin_types.js';
import { HttpError } from './http.js';

/** An error of the SQL face as an HTTP status, by SQLSTATE: docs/sql-reference.md. */
const statusOf: Record<string, number> = {
	'22004': 400, '22023': 400, '42710': 400, '54000': 400, '22P02': 400, '22P05': 400,
	'42501': 403, '42704': 404, '53400': 429, '55000': 409, '55006': 409,
};

interface DatabaseError extends Error {
	code: string;
	detail?: string;
}

function isDatabaseError(error: unknown): error is DatabaseError {
	return error instanceof Error && 'code' in error && typeof error.code === 'string';
}

/** Every wrong field has a line of the DETAIL, "field: text". */
function fieldErrorsOf(detail: string | undefined): Record<string, string> {
	const lines = (detail ?? '').split('\n').map((line) => /^(\w+): (.*)$/.exec(line));
	return Object.fromEntries(lines.flatMap((match) => match ? [[match[1]!, match[2]!]] : []));
}

function translate(error: unknown): unknown {
	const status = isDatabaseError(error) ? statusOf[error.code] : undefined;
	if (status === undefined || !isDatabaseError(error)) {
		return error;
	}
	const fields = status === 400 ? fieldErrorsOf(error.detail) : {};
	return new HttpError(status, error.message, Object.keys(fields).length > 0 ? fields : undefined);
}

export class AdminDatabase {
	constructor(private readonly pool: Pool) {}

	private async rows<Row extends QueryResultRow>(statement: string, values: unknown[]): Promise<Row[]> {
		try {
			return (await this.pool.query<Row>(statement, values)).rows;
		} catch (error) {
			throw translate(error);
		}
	}

	private async value<Value>(expression: string, values: unknown[]): Promise<Value> {
		const rows = await this.rows<{ value: Value }>(`SELECT ${expression} AS value`, values);
		return rows[0]!.value;
	}

	schedules(tenant: string, install: string) {
		return this.rows<ScheduleRow & QueryResultRow>(
			`SELECT schedule_id AS id, name, endpoint_method AS method, endpoint_path AS path, cron, timezone, status,
			        status_reason AS "statusReason", version, next_due AS "nextDue", last_run_at AS "lastRunAt",
			        last_run_status AS "lastRunStatus", last_error AS "lastError"
			   FROM extsched.schedules
			  WHERE tenant_id = $1 AND install_id = $2
			  ORDER BY created_at, schedule_id`,
			[tenant, install]);
	}

	endpoints(tenant: string, install: string) {
		return this.rows<EndpointRow & QueryResultRow>(
			'SELECT id, method, path, schedulable FROM extsched_endpoints($1, $2)', [tenant, install]);
	}

	private runRows(condition: string, values: unknown[]) {
		return this.rows<RunRow & QueryResultRow>(
			`SELECT run_id AS id, trigger, nominal_time AS "nominalTime", state, reason, attempt,
			        http_status AS "httpStatus", error, (extract(epoch FROM duration) * 1000)::float8 AS "durationMs",
			        missed_count AS "missedCount"
			   FROM extsched.runs
			  WHERE tenant_id = $1 AND install_id = $2 AND ${condition}
			  ORDER BY nominal_time DESC
			  LIMIT 20`,
			values);
	}

	history(tenant: string, install: string, schedule: string) {
		return this.runRows('schedule_id = $3', [tenant, install, schedule]);
	}

	async run(tenant: string, install: string, schedule: string, run: string): Promise<RunRow> {
		const [row] = await this.runRows('schedule_id = $3 AND run_id = $4', [tenant, install, schedule, run]);
		if (!row) {
			throw new HttpError(404, 'There is no such run.');
		}
		return row;
	}

	validate(tenant: string, install: string, input: ScheduleInput) {
		return this.value<Verdict>('extsched_validate($1, $2, $3::jsonb)', [tenant, install, JSON.stringify(input)]);
	}

	/** token makes a create that is sent twice one schedule. */
	create(tenant: string, install: string, input: ScheduleInput, token: string) {
		return this.value<string>(
			'extsched_create($1, $2, $3, $4, $5, $6, $7::jsonb, $8, client_token => $9)',
			[tenant, install, input.endpoint, input.cron, input.timezone, input.name,
				input.payload === null ? null : JSON.stringify(input.payload), input.enabled, token]);
	}

	pause(tenant: string, install: string, schedule: string, reason: string) {
		return this.value<void>('extsched_pause($1, $2, $3, $4)', [tenant, install, schedule, reason]);
	}

	resume(tenant: string, install: string, schedule: string) {
		return this.value<void>('extsched_resume($1, $2, $3)', [tenant, install, schedule]);
	}

	/** token makes a click that is sent twice one run. */
	runNow(tenant: string, install: string, schedule: string, token: string) {
		return this.value<string>('extsched_run_now($1, $2, $3, $4)', [tenant, install, schedule, token]);
	}

	previewUpgrade(tenant: string, install: string, version: string) {
		return this.rows<RemapRow & QueryResultRow>(
			'SELECT schedule, method, path, action FROM extsched_preview_upgrade($1, $2, $3)', [tenant, install, version]);
	}

	upgrade(tenant: string, install: string, version: string, disableMissing: boolean) {
		return this.value<object>('extsched_upgrade_install($1, $2, $3, $4)', [tenant, install, version, disableMissing]);
	}
}
