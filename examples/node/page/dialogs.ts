/*
 * dialogs.ts: create, pause, history, upgrade.
 *
 * All are <dialog> elements opened as modal ones: the browser keeps the focus
 * inside, closes at Escape, and gives the focus back to what opened it.
 */

import type { Install, RemapRow, ScheduleInput, ScheduleRow } from '../src/admin_types.js';
import { ApiError, type InstallApi } from './api.js';
import { byId, formatTime, make, say, showFieldErrors } from './dom.js';
import { runRow, titleOf } from './table.js';

const fields = ['endpoint', 'cron', 'timezone', 'name', 'payload'];
const typingPauseMs = 250;

/** What a form of a dialog does; a new opening replaces it. */
const submits = new Map<HTMLFormElement, () => Promise<void>>();

export function prepareDialogs() {
	for (const dialog of document.querySelectorAll('dialog')) {
		dialog.querySelector('.cancel')!.addEventListener('click', () => dialog.close());
		const form = dialog.querySelector('form');
		form?.addEventListener('submit', (event) => {
			event.preventDefault();
			void submits.get(form)?.();
		});
	}
	byId('zones').replaceChildren(...Intl.supportedValuesOf('timeZone').map((zone) => make('option', { value: zone })));
}

function open(name: string, onSubmit: () => Promise<void>): HTMLDialogElement {
	const dialog = byId<HTMLDialogElement>(`${name}-dialog`);
	const form = byId<HTMLFormElement>(`${name}-form`);
	submits.set(form, onSubmit);
	dialog.showModal();
	return dialog;
}

/** The form as input; a payload that is no JSON is sent as text, which the server refuses by name. */
function readForm(): ScheduleInput {
	const text = (name: string) => byId<HTMLInputElement>(name).value;
	let payload: unknown = text('payload').trim();
	try {
		payload = payload === '' ? null : JSON.parse(text('payload'));
	} catch {
		// stays the text that it is
	}
	return {
		endpoint: text('endpoint'), cron: text('cron'), timezone: text('timezone'), name: text('name'),
		enabled: byId<HTMLInputElement>('enabled').checked, payload,
	};
}

/** The next times; those of an H are an example, because its place comes from the id that is not there yet. */
function showPreview(nextRuns: string[], zone: string, cron = '') {
	byId('preview').replaceChildren(...nextRuns.map((instant) =>
		make('li', {}, make('time', { datetime: instant }, formatTime(instant, zone)))));
	byId('preview-note').textContent = nextRuns.length === 0 ? 'They are shown when the schedule is valid.'
		: /(^|[\s,])H(?![a-z])/i.test(cron) ? 'For example: the places of H are chosen when the schedule is created.' : '';
}

/** Errors of what the person has filled in; an empty field is no mistake before the form is sent. */
function errorsSoFar(input: ScheduleInput, errors: Record<string, string>): Record<string, string> {
	return input.cron === '' ? Object.fromEntries(Object.entries(errors).filter(([name]) => name !== 'cron')) : errors;
}

/** Ask for the verdict some moments after the last key, and show only the newest one. */
function watchForm(api: InstallApi, form: HTMLFormElement): AbortController {
	const stop = new AbortController();
	let timer = 0;
	let asked = 0;

	form.addEventListener('input', () => {
		const mine = ++asked;
		window.clearTimeout(timer);
		timer = window.setTimeout(async () => {
			const input = readForm();
			const verdict = await api.validate(input).catch(() => null);
			if (verdict && mine === asked && !stop.signal.aborted) {
				showFieldErrors(fields, errorsSoFar(input, verdict.fieldErrors));
				showPreview(verdict.nextRuns, input.timezone || 'UTC', input.cron);
			}
		}, typingPauseMs);
	}, { signal: stop.signal });
	stop.signal.addEventListener('abort', () => window.clearTimeout(timer));
	return stop;
}

export async function openCreate(api: InstallApi, onCreated: () => Promise<void>) {
	const form = byId<HTMLFormElement>('create-form');
	const endpoints = (await api.endpoints()).filter((endpoint) => endpoint.schedulable);
	const token = crypto.randomUUID();

	form.reset();
	byId<HTMLInputElement>('timezone').value = Intl.DateTimeFormat().resolvedOptions().timeZone;
	byId('endpoint').replaceChildren(...endpoints.map(({ method, path }) => make('option', {}, `${method} ${path}`)));
	byId('create-error').textContent = '';
	showFieldErrors(fields, {});
	showPreview([], 'UTC');
	const watch = watchForm(api, form);

	const dialog = open('create', async () => {
		watch.abort();
		try {
			await api.create(readForm(), token);
		} catch (error) {
			const wrong = error instanceof ApiError ? error.fieldErrors : {};
			showFieldErrors(fields, wrong);
			const first = fields.find((name) => wrong[name]);
			byId('create-error').textContent = first ? '' : String((error as Error).message);
			byId(first ?? 'cron').focus();
			return;
		}
		dialog.close();
		say('The schedule is created.');
		await onCreated();
	});
	dialog.addEventListener('close', () => watch.abort(), { once: true });
}

export function openPause(api: InstallApi, schedule: ScheduleRow, onPaused: () => Promise<void>) {
	byId('pause-title').textContent = `Pause ${titleOf(schedule)}`;
	byId<HTMLInputElement>('reason').value = '';
	showFieldErrors(['reason'], {});
	const dialog = open('pause', async () => {
		const reason = byId<HTMLInputElement>('reason').value.trim();
		if (reason === '') {
			showFieldErrors(['reason'], { reason: 'Say why, for whoever resumes it.' });
			byId('reason').focus();
			return;
		}
		try {
			await api.pause(schedule.id, reason);
		} catch (error) {
			showFieldErrors(['reason'], { reason: (error as Error).message });
			return;
		}
		dialog.close();
		say(`${titleOf(schedule)} is paused.`);
		await onPaused();
	});
}

export async function openHistory(api: InstallApi, schedule: ScheduleRow) {
	const runs = await api.history(schedule.id);

	byId('history-title').textContent = `History of ${titleOf(schedule)}`;
	byId('history').replaceChildren(...runs.map((run) => runRow(run, schedule.timezone)));
	byId('no-history').hidden = runs.length > 0;
	byId<HTMLDialogElement>('history-dialog').showModal();
}

function remapItem(row: RemapRow, schedules: ScheduleRow[]) {
	const schedule = schedules.find(({ id }) => id === row.schedule);
	const isKept = row.action === 'remap';
	return make('li', {},
		make('span', {}, schedule ? titleOf(schedule) : row.schedule,
			make('span', { class: 'detail quiet' }, `${row.method} ${row.path}`)),
		make('span', {}, make('span', { class: `badge ${isKept ? 'good' : 'bad'}` },
			isKept ? '✓ goes on' : '✗ its endpoint is gone')));
}

async function previewUpgrade(api: InstallApi, schedules: ScheduleRow[]) {
	const rows = await api.previewUpgrade(byId<HTMLSelectElement>('version').value);
	const missing = rows.filter((row) => row.action === 'missing').length;

	byId('remap').replaceChildren(...rows.map((row) => remapItem(row, schedules)));
	byId('remap-note').textContent = rows.length === 0 ? 'Nothing changes: this version is installed, or nothing is scheduled.'
		: missing > 0 ? `${missing} of ${rows.length} would have no endpoint.` : 'All go on at the times they are due.';
	byId('missing-choice').hidden = missing === 0;
	byId<HTMLInputElement>('disable-missing').checked = false;
	byId('upgrade-error').textContent = '';
}

export async function openUpgrade(
	api: InstallApi, install: Install, schedules: ScheduleRow[], onUpgraded: () => Promise<void>,
) {
	const version = byId<HTMLSelectElement>('version');

	version.replaceChildren(...install.versions.map(({ id, label }) => make('option', { value: id }, label)));
	version.selectedIndex = install.versions.length - 1;
	version.onchange = () => void previewUpgrade(api, schedules);
	await previewUpgrade(api, schedules);
	const dialog = open('upgrade', async () => {
		try {
			await api.upgrade(version.value, byId<HTMLInputElement>('disable-missing').checked);
		} catch (error) {
			byId('upgrade-error').textContent = `${(error as Error).message}. Nothing was changed.`;
			return;
		}
		dialog.close();
		say('The extension is upgraded.');
		await onUpgraded();
	});
}
