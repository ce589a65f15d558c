/*
 * admin.ts: the server of the page for a tenant's administrator.
 *
 * Who is asking: a session token, in a cookie that scripts cannot read and
 * other sites cannot send.  The configuration maps the SHA-256 of each token to
 * a person and a tenant, and lists the installs of each tenant (a platform has
 * them in its own tables).  The tenant of every statement is the one of the
 * session; nothing that a browser sends is ever taken for one.
 *
 * Calls that change something must come as JSON from this page: another site's
 * form can send neither the content type nor, past SameSite, the cookie.
 */

import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { AdminDatabase } from './admin_db.js';
import type { Install, ScheduleInput, Session } from './admin_types.js';
import { decodeText, digest, header, HttpError, readBody, sendJson, type Handler } from './http.js';
import { uuid } from './route.js';

const maxBody = 1 << 20;
const cookieName = 'extsched_session';

export interface AdminConfig {
	sessions: { tokenSha256: string; person: string; tenant: string }[];
	tenants: Record<string, { installs: Install[] }>;
}

/** Files of the page, by path.  Nothing else is ever read for a request. */
const files: Record<string, { file: string; type: string }> = {
	'/': { file: '../../page/index.html', type: 'text/html; charset=utf-8' },
	'/style.css': { file: '../../page/style.css', type: 'text/css; charset=utf-8' },
	...Object.fromEntries(['app', 'api', 'dialogs', 'dom', 'table'].map((name) =>
		[`/${name}.js`, { file: `../page/${name}.js`, type: 'text/javascript; charset=utf-8' }])),
};

const pageHeaders = {
	'content-security-policy':
		"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	'x-content-type-options': 'nosniff',
	'referrer-policy': 'no-referrer',
};

/** The session of a token, or null.  What is compared is a digest, so that time tells nothing about a token. */
function sessionOf(config: AdminConfig, token: string): Session | null {
	const wanted = digest(token).toString('hex');
	const entry = config.sessions.find((each) => each.tokenSha256 === wanted);
	if (!entry) {
		return null;
	}
	return { person: entry.person, tenant: entry.tenant, installs: config.tenants[entry.tenant]?.installs ?? [] };
}

function cookieOf(request: IncomingMessage): string {
	const pairs = header(request, 'cookie').split(/;\s*/);
	const found = pairs.find((pair) => pair.startsWith(`${cookieName}=`));
	return Buffer.from(found?.slice(cookieName.length + 1) ?? '', 'base64url').toString();
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
	if (!header(request, 'content-type').startsWith('application/json')) {
		throw new HttpError(415, 'The body must be JSON.');
	}
	try {
		const value: unknown = JSON.parse(decodeText(await readBody(request, maxBody)) ?? '');
		if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
			return value as Record<string, unknown>;
		}
	} catch (error) {
		if (error instanceof HttpError) {
			throw error;
		}
	}
	throw new HttpError(400, 'The body must be a JSON object.');
}

function textOf(body: Record<string, unknown>, key: string): string {
	const value = body[key];
	if (typeof value !== 'string' || value.includes('\0')) {
		throw new HttpError(400, `"${key}" must be text.`, { [key]: 'must be text' });
	}
	return value;
}

function inputOf(body: Record<string, unknown>): ScheduleInput {
	return {
		endpoint: textOf(body, 'endpoint'), cron: textOf(body, 'cron'), timezone: textOf(body, 'timezone'),
		name: textOf(body, 'name'), enabled: body['enabled'] !== false, payload: body['payload'] ?? null,
	};
}

/** A call of the API: what is asked of an install, with the body of a POST. */
interface Call {
	database: AdminDatabase;
	tenant: string;
	install: string;
	/** The schedule, and a run of it, where the path has them. */
	schedule: string;
	run: string;
	body: Record<string, unknown>;
}

/** Paths behind /api/installs/:install, with ids for :s and :r. */
const calls: Record<string, (call: Call) => Promise<unknown>> = {
	'GET /schedules': (c) => c.database.schedules(c.tenant, c.install),
	'GET /endpoints': (c) => c.database.endpoints(c.tenant, c.install),
	'GET /schedules/:s/runs': (c) => c.database.history(c.tenant, c.install, c.schedule),
	'GET /schedules/:s/runs/:r': (c) => c.database.run(c.tenant, c.install, c.schedule, c.run),
	'POST /validate': (c) => c.database.validate(c.tenant, c.install, inputOf(c.body)),
	'POST /schedules': async (c) =>
		({ id: await c.database.create(c.tenant, c.install, inputOf(c.body), textOf(c.body, 'token')) }),
	'POST /schedules/:s/pause': async (c) => {
		await c.database.pause(c.tenant, c.install, c.schedule, textOf(c.body, 'reason'));
		return {};
	},
	'POST /schedules/:s/resume': async (c) => {
		await c.database.resume(c.tenant, c.install, c.schedule);
		return {};
	},
	'POST /schedules/:s/run': async (c) =>
		({ id: await c.database.runNow(c.tenant, c.install, c.schedule, textOf(c.body, 'token')) }),
	'POST /upgrade/preview': (c) => c.database.previewUpgrade(c.tenant, c.install, textOf(c.body, 'version')),
	'POST /upgrade': (c) =>
		c.database.upgrade(c.tenant, c.install, textOf(c.body, 'version'), c.body['disableMissing'] === true),
};

async function callInstall(database: AdminDatabase, session: Session, request: IncomingMessage, parts: string[]) {
	const [install, ...rest] = parts;
	// The database would refuse it too; the list also says what the page may show.
	if (!session.installs.some((each) => each.id === install)) {
		throw new HttpError(404, 'There is no such install.');
	}
	const ids: string[] = [];
	const pattern = rest.map((part) => uuid.test(part) ? [':s', ':r'][ids.push(part) - 1] : part);
	const call = calls[`${request.method} /${pattern.join('/')}`];
	if (!call) {
		throw new HttpError(404, 'There is no such page.');
	}
	const [schedule = '', run = ''] = ids;
	const body = request.method === 'POST' ? await readJson(request) : {};
	return call({ database, tenant: session.tenant, install: install!, schedule, run, body });
}

function sendFile(response: ServerResponse, { file, type }: { file: string; type: string }) {
	const data = readFileSync(new URL(file, import.meta.url));
	response.writeHead(200, { 'content-type': type, 'content-length': data.length, 'cache-control': 'no-cache', ...pageHeaders });
	response.end(data);
}

async function serveSession(config: AdminConfig, request: IncomingMessage, response: ServerResponse) {
	const attributes = 'HttpOnly; SameSite=Strict; Path=/';
	if (request.method === 'DELETE') {
		sendJson(response, 200, {}, { 'set-cookie': `${cookieName}=; ${attributes}; Max-Age=0` });
		return;
	}
	const isNew = request.method === 'POST';
	const token = isNew ? textOf(await readJson(request), 'token') : cookieOf(request);
	const session = sessionOf(config, token);
	if (!session) {
		throw new HttpError(401, isNew ? 'This token is not known.' : 'Sign in first.');
	}
	sendJson(response, 200, session,
		isNew ? { 'set-cookie': `${cookieName}=${Buffer.from(token).toString('base64url')}; ${attributes}` } : {});
}

export function makeAdmin(database: AdminDatabase, config: AdminConfig): Handler {
	return async (request, response) => {
		const { pathname } = new URL(request.url ?? '/', 'http://page');
		const file = files[pathname];
		if (file && request.method === 'GET') {
			sendFile(response, file);
			return;
		}
		if (pathname === '/api/session') {
			await serveSession(config, request, response);
			return;
		}
		const [, api, installs, ...parts] = pathname.split('/');
		if (api !== 'api' || installs !== 'installs') {
			throw new HttpError(404, 'There is no such page.');
		}
		const session = sessionOf(config, cookieOf(request));
		if (!session) {
			throw new HttpError(401, 'Sign in first.');
		}
		sendJson(response, 200, await callInstall(database, session, request, parts));
	};
}
