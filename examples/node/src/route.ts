/*
 * route.ts: the platform's internal route of the host API.
 *
 * POST /api/internal/ext-scheduler/install/:installId with a JSON object that
 * holds "operation" and the operation's input.  A Runner calls it on behalf of
 * an extension.  The route decides nothing: it authenticates the Runner, and
 * makes one call of extsched_host() for each request.
 *
 * The tenant comes from the header that the Runner sets, never from the body,
 * which an extension wrote.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Pool } from 'pg';

import { callHost, failure, invalidInput, type Answer } from './host.js';
import { decodeText, header, HttpError, isSameSecret, readBody, sendJson, type Handler } from './http.js';

const route = /^\/api\/internal\/ext-scheduler\/install\/([^/?#]+)\/?$/;
export const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Well over what any valid input needs: 100,000 bytes of payload and its escapes. */
const maxBody = 1 << 20;

export interface RouteOptions {
	pool: Pool;
	/** What Runners send as x-runner-auth. */
	token: string;
	/** The server's extsched.header_prefix. */
	headerPrefix: string;
}

function operationOf(document: unknown): string {
	if (typeof document === 'object' && document !== null && 'operation' in document &&
		typeof document.operation === 'string') {
		return document.operation;
	}
	return ''; // which the function refuses, with the field's name
}

async function answer(options: RouteOptions, request: IncomingMessage): Promise<[string, Answer<object>]> {
	const install = route.exec(request.url ?? '')?.[1];
	if (install === undefined || request.method !== 'POST') {
		return ['', failure(404, 'NOT_FOUND', 'There is no such route.')];
	}
	if (!isSameSecret(header(request, 'x-runner-auth'), options.token)) {
		return ['', failure(401, 'DENIED', 'The caller is not authenticated.')];
	}
	if (!uuid.test(install)) {
		return ['', failure(404, 'NOT_FOUND', 'There is no such install.')];
	}
	const text = decodeText(await readBody(request, maxBody));
	let document: unknown;
	try {
		document = JSON.parse(text ?? '');
	} catch {
		return ['', invalidInput('must be JSON in UTF-8')];
	}
	const operation = operationOf(document);
	const tenant = header(request, `${options.headerPrefix}-tenant`) || null;
	try {
		return [operation, await callHost(options.pool, tenant, install, operation, text!)];
	} catch (error) {
		console.error(`route: ${operation}:`, error);
		return [operation, failure(500, 'INTERNAL_ERROR', 'The scheduler could not answer.')];
	}
}

export function makeRoute(options: RouteOptions): Handler {
	return async (request: IncomingMessage, response: ServerResponse) => {
		const [operation, result] = await answer(options, request).catch((error: unknown): [string, Answer<object>] => {
			if (error instanceof HttpError) {
				return ['', invalidInput(error.message)];
			}
			throw error;
		});
		if (result.success) {
			sendJson(response, operation === 'create' ? 201 : 200, result);
			return;
		}
		const wait = result.retryAfterSeconds;
		sendJson(response, result.httpStatus, result, {
			...(wait !== undefined && { 'retry-after': String(wait) }),
			// what was not read of a body must not be taken for a request
			...(!request.complete && { connection: 'close' }),
		});
	};
}
