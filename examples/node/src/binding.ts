/*
 * binding.ts: the scheduler API that a Runner gives to an extension.
 *
 * Each call is one request to the host route.  What any binding has to look
 * after: only keys that the extension set are sent (to leave a key out of an
 * update means to keep what is there), field errors are handed on whole, and
 * what never reached the host is an answer too, INTERNAL_ERROR, because an
 * extension must be able to go on.  An extension in another language would get
 * payloads and field errors as JSON text: examples/demo/binding.py.
 */

import { failure, type Answer, type Endpoint, type Schedule, type ScheduleValues } from './host.js';

export interface Scheduler {
	list(): Promise<Answer<{ schedules: Schedule[] }>>;
	getEndpoints(): Promise<Answer<{ endpoints: Endpoint[] }>>;
	create(values: ScheduleValues): Promise<Answer<{ scheduleId: string }>>;
	delete(scheduleId: string): Promise<Answer<object>>;
}

/** How a call reaches the route. */
export interface RouteAddress {
	url: string;
	token: string;
	headerPrefix: string;
	timeoutMs: number;
}

function isAnswer(value: unknown): value is Answer<object> {
	return typeof value === 'object' && value !== null && 'success' in value && typeof value.success === 'boolean';
}

export function scheduler(route: RouteAddress, tenant: string, install: string): Scheduler {
	async function call<T extends object>(operation: string, input: object): Promise<Answer<T>> {
		try {
			const response = await fetch(`${route.url}/api/internal/ext-scheduler/install/${encodeURIComponent(install)}`, {
				method: 'POST',
				headers: {
					'content-type': 'application/json',
					'x-runner-auth': route.token,
					[`${route.headerPrefix}-tenant`]: tenant,
				},
				body: JSON.stringify({ ...input, operation }),
				redirect: 'error',
				signal: AbortSignal.timeout(route.timeoutMs),
			});
			const answer: unknown = await response.json();
			if (isAnswer(answer)) {
				return answer as Answer<T>;
			}
			return failure(500, 'INTERNAL_ERROR', 'The host route answered something else.');
		} catch (error) {
			return failure(500, 'INTERNAL_ERROR', String(error));
		}
	}
	return {
		list: () => call('list', {}),
		getEndpoints: () => call('getEndpoints', {}),
		create: (values) => call('create', values),
		delete: (scheduleId) => call('delete', { scheduleId }),
	};
}

/** The scheduler of an extension that was not granted one. */
export function deniedScheduler(): Scheduler {
	const denied = async () => failure(403, 'DENIED', 'cap:scheduler.manage is not granted.');
	return { list: denied, getEndpoints: denied, create: denied, delete: denied };
}
