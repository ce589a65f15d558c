/*
 * http.ts: what the three servers of the example share.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that ends with this status; the message is shown to the caller. */
export class HttpError extends Error {
	constructor(readonly status: number, message: string, readonly fieldErrors?: Record<string, string>) {
		super(message);
	}
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The body as bytes; more than limit bytes is an HttpError 413, and the rest is not read. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > limit) {
			throw new HttpError(413, `The body must be of at most ${limit} bytes.`);
		}
		chunks.push(chunk);
	}
	return Buffer.concat(chunks);
}

/** Bytes as text, or null when they are no UTF-8. */
export function decodeText(bytes: Buffer): string | null {
	try {
		return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
	} catch {
		return null;
	}
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
	const data = Buffer.from(JSON.stringify(body));
	response.writeHead(status, {
		'content-type': 'application/json',
		'content-length': data.length,
		'cache-control': 'no-store',
		...headers,
	});
	response.end(data);
}

export function digest(text: string): Buffer {
	return createHash('sha256').update(text).digest();
}

/**
 * Whether two secrets are the same, in a time that depends on neither: digests
 * have one length, whatever was sent.
 */
export function isSameSecret(given: string, wanted: string): boolean {
	return timingSafeEqual(digest(given), digest(wanted));
}

export function header(request: IncomingMessage, name: string): string {
	const value = request.headers[name];
	return typeof value === 'string' ? value : '';
}

/** A server whose handler may fail: an HttpError is its answer, anything else is logged and a 500. */
export function makeServer(name: string, handler: Handler): Server {
	return createServer((request, response) => {
		handler(request, response).catch((error: unknown) => {
			if (error instanceof HttpError) {
				const { status, message, fieldErrors } = error;
				sendJson(response, status, { error: message, ...(fieldErrors && { fieldErrors }) },
					status === 413 ? { connection: 'close' } : {});
				return;
			}
			console.error(`${name}: ${request.method} ${request.url}:`, error);
			if (response.headersSent) {
				response.destroy();
			} else {
				sendJson(response, 500, { error: 'The server could not answer.' });
			}
		});
	});
}

/** Listen on the loopback; the port's number goes to a file, whole or not at all. */
export function listen(server: Server, port: number, portFile?: string): Promise<number> {
	return new Promise((resolve, reject) => {
		server.once('error', reject);
		server.listen(port, '127.0.0.1', () => {
			const bound = (server.address() as AddressInfo).port;
			if (portFile !== undefined) {
				writeFileSync(`${portFile}.tmp`, `${bound}\n`);
				renameSync(`${portFile}.tmp`, portFile);
			}
			resolve(bound);
		});
	});
}
