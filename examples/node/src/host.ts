/*
 * host.ts: a typed client of the host API.
 *
 * One call is one statement, SELECT extsched_host(...).  It answers for every
 * mistake of a plugin and raises for none, so a call here resolves to an answer
 * that says success or not, and rejects only for what is wrong with the
 * connection or the server.  The rules are docs/host-api.md.
 */

import type { Pool } from 'pg';

export interface Schedule {
	id: string;
	endpointPath: string;
	endpointMethod: string;
	name: string | null;
	cron: string;
	timezone: string;
	enabled: boolean;
	payload: object | null;
	lastRunAt: string | null;
	lastRunStatus: 'success' | 'error' | null;
	lastError: string | null;
	createdAt: string;
	nextRunAt: string | null;
	revision: number;
}

export interface Endpoint {
	id: string;
	method: string;
	path: string;
	handler: string;
	schedulable: boolean;
}

export interface ScheduleOptions {
	overlap?: 'skip' | 'queue_one' | 'allow';
	catch_up_s?: number;
	max_attempts?: number;
	backoff_s?: number;
	max_age_s?: number;
	pause_after_failures?: number;
	timeout_ms?: number;
	on_unknown?: 'retry' | 'lost';
	starts_at?: string | null;
	ends_at?: string | null;
	jitter_s?: number;
}

/** What create takes.  In an update an absent key keeps, null clears name and payload. */
export interface ScheduleValues {
	endpoint: string;
	cron: string;
	timezone?: string;
	enabled?: boolean;
	name?: string | null;
	payload?: object | null;
	options?: ScheduleOptions;
}

export type FailureCode =
	'VALIDATION_FAILED' | 'DENIED' | 'NOT_FOUND' | 'QUOTA_EXCEEDED' | 'RATE_LIMITED' | 'INTERNAL_ERROR';

export interface Failure {
	success: false;
	code: FailureCode;
	error: string;
	httpStatus: number;
	fieldErrors?: Record<string, string>;
	retryAfterSeconds?: number;
}

/** Each operation with its input and what a success adds. */
interface Operations {
	list: { input: Record<string, never>; result: { schedules: Schedule[] } };
	get: { input: { scheduleId: string }; result: { schedule: Schedule | null } };
	create: { input: ScheduleValues & { clientToken?: string }; result: { scheduleId: string } };
	update: {
		input: Partial<ScheduleValues> & { scheduleId: string; ifRevision?: number };
		result: { revision: number };
	};
	delete: { input: { scheduleId: string }; result: object };
	getEndpoints: { input: Record<string, never>; result: { endpoints: Endpoint[] } };
}

export type Answer<T> = ({ success: true } & T) | Failure;

/** What the input function of jsonb refuses: syntax, escapes, depth, encoding. */
const refusedInput = new Set(['22P02', '22P05', '54001', '22021']);

/** What a transaction that lost against another one gets: call again. */
const lostRace = new Set(['40001', '40P01']);
const attempts = 3;

export function failure(httpStatus: number, code: FailureCode, error: string, more: Partial<Failure> = {}): Failure {
	return { success: false, code, error, httpStatus, ...more };
}

export function invalidInput(text: string): Failure {
	return failure(400, 'VALIDATION_FAILED', 'The input is not valid.', { fieldErrors: { input: text } });
}

function sqlState(error: unknown): string {
	return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/**
 * The statement, with the input as the text that it came as: what a decoder
 * would change in numbers or repeated keys is the database's to judge.
 */
export async function callHost(
	pool: Pool, tenant: string | null, install: string, operation: string, input: string,
): Promise<Answer<object>> {
	if (operation.includes('\0') || input.includes('\0')) {
		return invalidInput('must not contain NUL');
	}
	for (let attempt = 1; ; attempt++) {
		try {
			const result = await pool.query<{ answer: Answer<object> }>(
				'SELECT extsched_host($1, $2::uuid, $3, $4::jsonb) AS answer',
				[tenant, install, operation, input]);
			return result.rows[0]!.answer;
		} catch (error) {
			if (refusedInput.has(sqlState(error))) {
				return invalidInput((error as Error).message);
			}
			if (!lostRace.has(sqlState(error)) || attempt === attempts) {
				throw error;
			}
		}
	}
}

/** The host API of one install.  Its pool's role needs extsched_grant(role, 'host') and nothing else. */
export class HostClient {
	constructor(
		private readonly pool: Pool,
		private readonly tenant: string,
		private readonly install: string,
	) {}

	async call<Name extends keyof Operations>(
		operation: Name, input: Operations[Name]['input'],
	): Promise<Answer<Operations[Name]['result']>> {
		const answer = await callHost(this.pool, this.tenant, this.install, operation, JSON.stringify(input));
		return answer as Answer<Operations[Name]['result']>;
	}

	list() {
		return this.call('list', {});
	}

	get(scheduleId: string) {
		return this.call('get', { scheduleId });
	}

	create(values: Operations['create']['input']) {
		return this.call('create', values);
	}

	update(scheduleId: string, changes: Omit<Operations['update']['input'], 'scheduleId'>) {
		return this.call('update', { ...changes, scheduleId });
	}

	delete(scheduleId: string) {
		return this.call('delete', { scheduleId });
	}

	getEndpoints() {
		return this.call('getEndpoints', {});
	}
}
