/*
 * runner.ts: a small Runner that executes the demo extension.
 *
 * POST /v1/execute, as docs/runner-contract.md has it.  A real Runner fetches
 * the bundle of content_hash and executes it in a sandbox; this one imports
 * extension.ts.  What the extension may do follows from the request's
 * providers: without cap:scheduler.manage each call of its scheduler is denied,
 * without cap:log.emit nothing is logged.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';

import { deniedScheduler, scheduler, type RouteAddress } from './binding.js';
import { handle, type ExtensionRequest } from './extension.js';
import { decodeText, header, readBody, sendJson, type Handler } from './http.js';

const maxBody = 10 << 20;

interface ExecuteRequest {
	context: { tenant_id: string; install_id: string; extension_id: string };
	http: { method: string; path: string; query?: Record<string, unknown>; body_b64?: string };
	providers: string[];
}

function isText(value: unknown): value is string {
	return typeof value === 'string';
}

/** The document as a request, or null when it is none. */
function readRequest(text: string | null): ExecuteRequest | null {
	let document: Partial<ExecuteRequest> | null;
	try {
		document = JSON.parse(text ?? '') as Partial<ExecuteRequest> | null;
	} catch {
		return null;
	}
	const context = document?.context;
	const http = document?.http;
	const isComplete = isText(context?.tenant_id) && isText(context.install_id) && isText(context.extension_id) &&
		isText(http?.method) && isText(http.path) && Array.isArray(document?.providers);
	return isComplete ? document as ExecuteRequest : null;
}

async function execute(document: ExecuteRequest, route: RouteAddress) {
	const { context, http, providers } = document;
	const request: ExtensionRequest = {
		method: http.method, path: http.path, query: http.query ?? {},
		tenant: context.tenant_id, extension: context.extension_id,
		body: Buffer.from(http.body_b64 ?? '', 'base64').toString(),
	};
	const response = await handle(request, {
		scheduler: providers.includes('cap:scheduler.manage')
			? scheduler(route, context.tenant_id, context.install_id) : deniedScheduler(),
		log: (level, text) => {
			if (providers.includes('cap:log.emit')) {
				console.log(`${context.tenant_id} ${level}: ${text}`);
			}
		},
	});
	return {
		status: response.status,
		headers: { 'content-type': 'application/json' },
		body_b64: Buffer.from(JSON.stringify(response.body)).toString('base64'),
	};
}

export function makeRunner(route: RouteAddress): Handler {
	return async (request: IncomingMessage, response: ServerResponse) => {
		if (request.method !== 'POST' || request.url !== '/v1/execute') {
			sendJson(response, 404, { error: 'not_found' }, { connection: 'close' });
			return;
		}
		const document = readRequest(decodeText(await readBody(request, maxBody)));
		if (!header(request, `${route.headerPrefix}-tenant`) || !header(request, `${route.headerPrefix}-extension`)) {
			sendJson(response, 400, { error: 'missing_routing_headers' });
		} else if (document === null) {
			sendJson(response, 400, { error: 'invalid_request' });
		} else {
			sendJson(response, 200, await execute(document, route));
		}
	};
}
