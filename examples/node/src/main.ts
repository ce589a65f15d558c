/*
 * main.ts: start one of the three servers of the example, on the loopback.
 *
 *     main.js route  --dsn DSN --token-file FILE
 *     main.js runner --route-url URL --token-file FILE
 *     main.js admin  --dsn DSN --config FILE
 *
 * and for each [--port N] [--port-file FILE] [--header-prefix P].  A server
 * ends at SIGTERM and SIGINT.
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import pg from 'pg';

import { AdminDatabase } from './admin_db.js';
import { makeAdmin, type AdminConfig } from './admin.js';
import { listen, makeServer, type Handler } from './http.js';
import { makeRoute } from './route.js';
import { makeRunner } from './runner.js';

const usage = 'usage: main.js route|runner|admin, with the options at the head of src/main.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		dsn: { type: 'string' },
		'token-file': { type: 'string' },
		'route-url': { type: 'string' },
		config: { type: 'string' },
		port: { type: 'string', default: '0' },
		'port-file': { type: 'string' },
		'header-prefix': { type: 'string', default: 'x-alga' },
	},
});

function needed(name: 'dsn' | 'token-file' | 'route-url' | 'config'): string {
	const value = values[name];
	if (!value) {
		throw new Error(`--${name} is missing; ${usage}`);
	}
	return value;
}

function token(): string {
	const text = readFileSync(needed('token-file'), 'utf8').trim();
	if (text === '') {
		throw new Error('the token is empty');
	}
	return text;
}

function pool() {
	const connections = new pg.Pool({ connectionString: needed('dsn'), max: 8 });
	// An idle connection that the server ended is no reason to end.
	connections.on('error', (error) => console.error('database:', error.message));
	return connections;
}

const headerPrefix = values['header-prefix'];

const handlers: Record<string, () => Handler> = {
	route: () => makeRoute({ pool: pool(), token: token(), headerPrefix }),
	runner: () => makeRunner({ url: needed('route-url'), token: token(), headerPrefix, timeoutMs: 10_000 }),
	admin: () => makeAdmin(new AdminDatabase(pool()),
		JSON.parse(readFileSync(needed('config'), 'utf8')) as AdminConfig),
};

try {
	const name = positionals[0] ?? '';
	const handler = handlers[name];
	if (!handler || positionals.length !== 1) {
		throw new Error(usage);
	}
	const server = makeServer(name, handler());
	for (const signal of ['SIGTERM', 'SIGINT'] as const) {
		process.on(signal, () => process.exit(0));
	}
	console.log(`${name}: listening on http://127.0.0.1:${await listen(server, Number(values.port), values['port-file'])}`);
} catch (error) {
	console.error(error instanceof Error ? error.message : error);
	process.exit(2);
}
