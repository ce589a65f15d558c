/*
 * route.test.ts: the host route, the Runner and the extension without a
 * database.  A stand-in for the pool answers as extsched_host() does, so that
 * also failures can be had that the real one does not give on demand.  That
 * the real one is called rightly is shown by test/t/640_node_example.pl.
 */

import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import type { Pool } from 'pg';

import { HostClient } from '../src/host.js';
import { listen, makeServer } from '../src/http.js';
import { makeRoute } from '../src/route.js';
import { makeRunner } from '../src/runner.js';

const token = "the runner's token";
const install = 'ac000000-0000-4000-8000-000000000001';
const providers = ['cap:context.read', 'cap:log.emit', 'cap:scheduler.manage'];

/** What was asked of the database, and what it answers: a value, or an error to throw. */
let asked: unknown[][] = [];
let answers: unknown[] = [];
const pool = {
	query: async (_statement: string, values: unknown[]) => {
		asked.push(values);
		const answer = answers.shift() ?? { success: true };
		if (answer instanceof Error) {
			throw answer;
		}
		return { rows: [{ answer }] };
	},
} as unknown as Pool;

function databaseError(code: string, message = 'it failed') {
	return Object.assign(new Error(message), { code });
}

const servers: Server[] = [];
let routeUrl = '';
let runnerUrl = '';

async function start(name: string, handler: Parameters<typeof makeServer>[1]) {
	const server = makeServer(name, handler);
	servers.push(server);
	return `http://127.0.0.1:${await listen(server, 0)}`;
}

before(async () => {
	routeUrl = await start('route', makeRoute({ pool, token, headerPrefix: 'x-alga' }));
	runnerUrl = await start('runner', makeRunner({ url: routeUrl, token, headerPrefix: 'x-alga', timeoutMs: 5000 }));
});
after(() => servers.forEach((server) => { server.closeAllConnections(); server.close(); }));
beforeEach(() => {
	asked = [];
	answers = [];
});

async function callRoute(body: string, headers: Record<string, string> = {}, path = `install/${install}`) {
	const response = await fetch(`${routeUrl}/api/internal/ext-scheduler/${path}`, {
		method: 'POST', body, headers: { 'x-runner-auth': token, 'x-alga-tenant': 'acme', ...headers },
	});
	return { status: response.status, headers: response.headers, body: await response.json() as Record<string, any> };
}

async function execute(method: string, path: string, body?: object, given = providers) {
	const response = await fetch(`${runnerUrl}/v1/execute`, {
		method: 'POST', headers: { 'x-alga-tenant': 'acme', 'x-alga-extension': 'demo' },
		body: JSON.stringify({
			context: { tenant_id: 'acme', install_id: install, extension_id: 'demo' },
			http: { method, path, ...(body && { body_b64: Buffer.from(JSON.stringify(body)).toString('base64') }) },
			providers: given,
		}),
	});
	const reply = await response.json() as { status: number; body_b64: string };
	return { status: reply.status, body: JSON.parse(Buffer.from(reply.body_b64, 'base64').toString()) as Record<string, any> };
}

test('a caller without the token is refused before any call', async () => {
	for (const wrong of ['', 'wrong', `${token} `.repeat(2)]) {
		const { status, body } = await callRoute('{"operation":"list"}', { 'x-runner-auth': wrong });
		assert.deepEqual([status, body['code']], [401, 'DENIED']);
	}
	assert.deepEqual(asked, []);
});

test('the tenant is that of the header, and the body goes on as it came', async () => {
	const text = '{"operation":"create", "tenant":"globex", "payload":{"n":10000000000000000000001}}';
	const { status } = await callRoute(text);
	assert.equal(status, 201);
	assert.deepEqual(asked, [['acme', install, 'create', text]]);
});

test('a success is a 200, a create a 201, a failure what it says', async () => {
	assert.equal((await callRoute('{"operation":"update"}')).status, 200);
	answers = [{ success: false, code: 'RATE_LIMITED', error: 'wait', httpStatus: 429, retryAfterSeconds: 7 }];
	const { status, headers, body } = await callRoute('{"operation":"create"}');
	assert.deepEqual([status, headers.get('retry-after'), body['code']], [429, '7', 'RATE_LIMITED']);
});

test('what is no JSON is a field error on input, whoever notices', async () => {
	assert.deepEqual((await callRoute('{')).body['fieldErrors'], { input: 'must be JSON in UTF-8' });
	assert.equal(asked.length, 0);
	answers = [databaseError('22P05', 'unsupported Unicode escape sequence')];
	const { status, body } = await callRoute('{"operation":"list","x":"\\u0000"}');
	assert.deepEqual([status, body['fieldErrors']], [400, { input: 'unsupported Unicode escape sequence' }]);
	assert.equal((await callRoute(`"${'x'.repeat(1 << 20)}"`)).body['code'], 'VALIDATION_FAILED');
});

test('a lost race is tried again, three times in all', async () => {
	answers = [databaseError('40001'), databaseError('40P01'), { success: true, scheduleId: 'x' }];
	assert.equal((await callRoute('{"operation":"create"}')).status, 201);
	answers = [1, 2, 3].map(() => databaseError('40001'));
	asked = [];
	assert.equal((await callRoute('{"operation":"create"}')).status, 500);
	assert.equal(asked.length, 3);
});

test('an error of the server is a 500 that does not tell its text', async () => {
	answers = [databaseError('XX000', 'a secret of the server')];
	const { status, body } = await callRoute('{"operation":"list"}');
	assert.deepEqual([status, body['code']], [500, 'INTERNAL_ERROR']);
	assert.ok(!JSON.stringify(body).includes('secret'));
});

test('other paths, other methods and ids that are none are absent', async () => {
	assert.equal((await callRoute('{}', {}, 'install/17')).status, 404);
	assert.equal((await callRoute('{}', {}, `install/${install}/more`)).status, 404);
	assert.equal((await fetch(`${routeUrl}/api/internal/ext-scheduler/install/${install}`)).status, 404);
	assert.deepEqual(asked, []);
});

test('the typed client makes one call for each operation', async () => {
	const client = new HostClient(pool, 'acme', install);
	answers = [{ success: true, scheduleId: 'new' }];
	const created = await client.create({ endpoint: 'POST /a', cron: '@daily', name: null });
	assert.ok(created.success);
	assert.equal(created.scheduleId, 'new');
	await client.update('new', { enabled: false, ifRevision: 2 });
	assert.deepEqual(asked, [
		['acme', install, 'create', '{"endpoint":"POST /a","cron":"@daily","name":null}'],
		['acme', install, 'update', '{"enabled":false,"ifRevision":2,"scheduleId":"new"}'],
	]);
});

test('setup creates what is missing, by the id of its endpoint, and leaves what is there', async () => {
	answers = [
		{ success: true, endpoints: [{ id: 'e1', method: 'POST', path: '/api/heartbeat', schedulable: true }] },
		{ success: true, schedules: [{ id: 's1', name: 'other', endpointPath: '/api/status' }] },
		{ success: true, scheduleId: 's2' },
	];
	const { status, body } = await execute('POST', '/api/setup');
	assert.equal(status, 200);
	assert.deepEqual(body['results'].map((result: any) => result.scheduleId), ['s2', 's1']);
	assert.equal(JSON.parse(asked[2]![3] as string).endpoint, 'e1');
});

test('a setup that fails in part is a 207 with the field errors whole', async () => {
	const refusal = { success: false, code: 'VALIDATION_FAILED', error: 'no', httpStatus: 400, fieldErrors: { cron: 'too often' } };
	answers = [refusal, refusal, refusal, { success: true, scheduleId: 's' }];
	const { status, body } = await execute('POST', '/api/setup');
	assert.equal(status, 207);
	assert.deepEqual(body['results'][0].fieldErrors, { cron: 'too often' });
});

test('without the capability the extension is denied, and nothing is called', async () => {
	const { status, body } = await execute('GET', '/api/schedules', undefined, []);
	assert.deepEqual([status, body['error']], [500, 'list_failed']);
	assert.deepEqual(asked, []);
});

test('the five endpoints answer, and others are not found', async () => {
	assert.equal((await execute('GET', '/api/status')).body['status'], 'healthy');
	assert.equal((await execute('POST', '/api/heartbeat', { source: 'test' })).body['message'], 'heartbeat received from test');
	assert.equal((await execute('DELETE', '/api/schedules/')).status, 400);
	assert.equal((await execute('POST', '/api/schedules/s1', { __method: 'delete' })).status, 200);
	assert.equal((await execute('GET', '/elsewhere')).body['error'], 'not_found');
	assert.equal((await fetch(`${runnerUrl}/v1/execute`, { method: 'POST', body: '{}' })).status, 400);
});
