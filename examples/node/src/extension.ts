/*
 * extension.ts: the extension scheduler-demo, as a plugin's author writes it.
 *
 * Two endpoints are worth scheduling, three manage the extension's own
 * schedules; examples/demo/manifest.json declares them.  An extension sees its
 * request and a host, and neither the database nor how the platform reaches it.
 */

import type { Scheduler } from './binding.js';
import type { Endpoint, Schedule, ScheduleValues } from './host.js';

const build = 'scheduler-demo 0.1.0';

export interface ExtensionRequest {
	method: string;
	path: string;
	tenant: string;
	extension: string;
	query: Record<string, unknown>;
	body: string;
}

export interface ExtensionResponse {
	status: number;
	body: object;
}

export interface Host {
	scheduler: Scheduler;
	log(level: string, text: string): void;
}

interface Wanted extends Omit<ScheduleValues, 'endpoint'> {
	name: string;
	method: string;
	path: string;
}

/** What setup wants to be there.  A schedule of the same name or path counts. */
const wantedSchedules: Wanted[] = [
	{
		name: 'Heartbeat Check', method: 'POST', path: '/api/heartbeat',
		cron: '*/5 * * * *', timezone: 'UTC', payload: { source: 'auto-setup' },
	},
	{
		name: 'Daily Status Check', method: 'GET', path: '/api/status',
		cron: '0 9 * * *', timezone: 'America/New_York',
	},
];

/** Answer any request; never rejects, because a handler that dies would look like a broken Runner. */
export async function handle(request: ExtensionRequest, host: Host): Promise<ExtensionResponse> {
	try {
		return await dispatch(request, host);
	} catch (error) {
		log(host, 'error', `handler failed: ${String(error)}`);
		return { status: 500, body: { error: 'handler_failed', message: String(error) } };
	}
}

async function dispatch(request: ExtensionRequest, host: Host): Promise<ExtensionResponse> {
	const path = request.path.replace(/\/+$/, '') || '/';
	const deleted = /^\/api\/schedules(?:\/(.*))?$/.exec(path);

	switch (`${effectiveMethod(request)} ${path}`) {
		case 'GET /api/status': return status(request);
		case 'POST /api/heartbeat': return heartbeat(request, host);
		case 'POST /api/setup': return setup(host);
		case 'GET /api/schedules': return listSchedules(host);
	}
	if (effectiveMethod(request) === 'DELETE' && deleted) {
		return deleteSchedule(decodeURIComponent(deleted[1] ?? ''), host);
	}
	return { status: 404, body: { error: 'not_found', method: request.method, path: request.path } };
}

/** The body as an object; an empty one when it is none. */
function bodyOf(request: ExtensionRequest): Record<string, unknown> {
	try {
		const value: unknown = JSON.parse(request.body);
		return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {};
	} catch {
		return {};
	}
}

/** The method; a POST may name another one as __method, for callers that can only GET and POST. */
function effectiveMethod(request: ExtensionRequest): string {
	const method = request.method.toUpperCase();
	if (method !== 'POST') {
		return method;
	}
	const override = request.query['__method'] || bodyOf(request)['__method'];
	return typeof override === 'string' && override !== '' ? override.toUpperCase() : method;
}

function status(request: ExtensionRequest): ExtensionResponse {
	return {
		status: 200,
		body: {
			status: 'healthy', timestamp: new Date().toISOString(),
			tenant: request.tenant, extension: request.extension, build,
		},
	};
}

function heartbeat(request: ExtensionRequest, host: Host): ExtensionResponse {
	const given = bodyOf(request)['source'];
	const source = typeof given === 'string' ? given : 'unknown';

	log(host, 'info', `heartbeat from ${source}`);
	return {
		status: 200,
		body: {
			event: 'heartbeat', timestamp: new Date().toISOString(),
			tenant: request.tenant, message: `heartbeat received from ${source}`, build,
		},
	};
}

/** Create the wanted schedules that are not there.  Doing it again changes nothing. */
async function setup(host: Host): Promise<ExtensionResponse> {
	const endpoints = await host.scheduler.getEndpoints();
	const existing = await host.scheduler.list();
	const results = [];

	// One after another: the host serialises an install's changes anyway.
	for (const wanted of wantedSchedules) {
		results.push(await setUp(wanted, endpoints.success ? endpoints.endpoints : [],
			existing.success ? existing.schedules : [], host));
	}
	const failed = results.filter((result) => !result.success).length;
	return {
		status: failed ? 207 : 200,
		body: { message: failed ? `${failed} of ${results.length} schedules failed` : 'setup is complete', results },
	};
}

async function setUp(wanted: Wanted, endpoints: Endpoint[], existing: Schedule[], host: Host) {
	const { name, method, path, ...values } = wanted;
	const found = existing.find((schedule) => schedule.name === name || schedule.endpointPath === path);
	if (found) {
		return { name, success: true, scheduleId: found.id, note: 'was there already' };
	}
	const endpoint = endpoints.find((each) => each.method === method && each.path === path)?.id ?? `${method} ${path}`;
	const created = await host.scheduler.create({ ...values, name, endpoint, enabled: true });
	if (created.success) {
		log(host, 'info', `created schedule ${name}`);
		return { name, success: true, scheduleId: created.scheduleId };
	}
	return { name, success: false, error: created.error, ...(created.fieldErrors && { fieldErrors: created.fieldErrors }) };
}

async function listSchedules(host: Host): Promise<ExtensionResponse> {
	const answer = await host.scheduler.list();
	if (!answer.success) {
		return { status: 500, body: { error: 'list_failed', message: answer.error } };
	}
	return { status: 200, body: { count: answer.schedules.length, schedules: answer.schedules } };
}

async function deleteSchedule(scheduleId: string, host: Host): Promise<ExtensionResponse> {
	if (scheduleId === '') {
		return { status: 400, body: { error: 'invalid_request', message: "the schedule's id is missing" } };
	}
	const answer = await host.scheduler.delete(scheduleId);
	if (answer.success) {
		return { status: 200, body: { success: true, scheduleId } };
	}
	if (answer.code === 'INTERNAL_ERROR') {
		return { status: 500, body: { error: 'delete_error', message: answer.error } };
	}
	return { status: 400, body: { error: 'delete_failed', message: answer.error } };
}

/** Log, and go on when that fails: no answer depends on a log line. */
function log(host: Host, level: string, text: string) {
	try {
		host.log(level, text);
	} catch {
		// nothing to be done
	}
}
