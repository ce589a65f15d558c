/*
 * api.ts: calls of the page's server.
 */

import type {
	EndpointRow, RemapRow, RunRow, ScheduleInput, ScheduleRow, Session, Verdict,
} from '../src/admin_types.js';

export class ApiError extends Error {
	constructor(readonly status: number, message: string, readonly fieldErrors: Record<string, string>) {
		super(message);
	}
}

async function call<Result>(method: string, path: string, body?: object): Promise<Result> {
	const response = await fetch(`/api/${path}`, {
		method,
		...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
	});
	const answer = await response.json() as Result & { error?: string; fieldErrors?: Record<string, string> };
	if (!response.ok) {
		throw new ApiError(response.status, answer.error ?? 'The server could not answer.', answer.fieldErrors ?? {});
	}
	return answer;
}

export const session = {
	get: () => call<Session>('GET', 'session'),
	open: (token: string) => call<Session>('POST', 'session', { token }),
	close: () => call<object>('DELETE', 'session'),
};

export function installApi(install: string) {
	const base = `installs/${install}`;
	return {
		schedules: () => call<ScheduleRow[]>('GET', `${base}/schedules`),
		endpoints: () => call<EndpointRow[]>('GET', `${base}/endpoints`),
		history: (schedule: string) => call<RunRow[]>('GET', `${base}/schedules/${schedule}/runs`),
		run: (schedule: string, run: string) => call<RunRow>('GET', `${base}/schedules/${schedule}/runs/${run}`),
		validate: (input: ScheduleInput) => call<Verdict>('POST', `${base}/validate`, input),
		create: (input: ScheduleInput, token: string) =>
			call<{ id: string }>('POST', `${base}/schedules`, { ...input, token }),
		pause: (schedule: string, reason: string) =>
			call<object>('POST', `${base}/schedules/${schedule}/pause`, { reason }),
		resume: (schedule: string) => call<object>('POST', `${base}/schedules/${schedule}/resume`, {}),
		runNow: (schedule: string, token: string) =>
			call<{ id: string }>('POST', `${base}/schedules/${schedule}/run`, { token }),
		previewUpgrade: (version: string) => call<RemapRow[]>('POST', `${base}/upgrade/preview`, { version }),
		upgrade: (version: string, disableMissing: boolean) =>
			call<object>('POST', `${base}/upgrade`, { version, disableMissing }),
	};
}

export type InstallApi = ReturnType<typeof installApi>;
