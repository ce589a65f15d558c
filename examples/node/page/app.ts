/*
 * app.ts: the page of a tenant's administrator.
 *
 * What is shown is read anew after every change and every half minute: the
 * database is the only state.  Which tenant this is, the server knows.
 */

import type { Install, ScheduleRow, Session } from '../src/admin_types.js';
import { ApiError, installApi, session, type InstallApi } from './api.js';
import { openCreate, openHistory, openPause, openUpgrade, prepareDialogs } from './dialogs.js';
import { byId, make, say } from './dom.js';
import { isFinished, outcomeOf, scheduleRow, titleOf, type Actions } from './table.js';

const refreshMs = 30_000;
const pollMs = 250;
const pollLimit = 240;

let install: Install;
let api: InstallApi;
let schedules: ScheduleRow[] = [];

/** Do something on a click; what fails is said, and a session that ended leads to the sign-in. */
function attempt(work: () => Promise<void>) {
	work().catch((error: unknown) => {
		if (error instanceof ApiError && error.status === 401) {
			showSignIn();
		} else {
			say(error instanceof Error ? error.message : String(error));
		}
	});
}

const actions: Actions = {
	runNow: (schedule, button) => attempt(() => runNow(schedule, button)),
	pause: (schedule) => openPause(api, schedule, () => refresh(schedule)),
	resume: (schedule) => attempt(async () => {
		await api.resume(schedule.id);
		say(`${titleOf(schedule)} goes on.`);
		await refresh(schedule);
	}),
	showHistory: (schedule) => attempt(() => openHistory(api, schedule)),
};

async function runNow(schedule: ScheduleRow, button: HTMLButtonElement) {
	button.disabled = true;
	try {
		const { id } = await api.runNow(schedule.id, crypto.randomUUID());
		say(`${titleOf(schedule)} is running.`);
		let run = await api.run(schedule.id, id);
		for (let n = 0; n < pollLimit && !isFinished(run); n++) {
			await new Promise((resolve) => setTimeout(resolve, pollMs));
			run = await api.run(schedule.id, id);
		}
		const outcome = isFinished(run) ? outcomeOf(run).text : `still ${run.state}; its outcome will be in the history`;
		say(`${titleOf(schedule)}: ${outcome}.`);
	} finally {
		button.disabled = false;
	}
	await refresh(schedule);
}

/** Show the schedules as they are now; the focus stays with the schedule that was worked on. */
async function refresh(focus?: ScheduleRow) {
	const active = document.activeElement;
	const focused = focus?.id ?? active?.closest('tr')?.dataset['schedule'];
	const label = active instanceof HTMLButtonElement ? active.textContent : null;

	schedules = await api.schedules();
	byId('rows').replaceChildren(...schedules.map((schedule) => scheduleRow(schedule, actions)));
	byId('table').hidden = schedules.length === 0;
	byId('empty').hidden = schedules.length > 0;
	const stopped = schedules.filter((schedule) => schedule.status !== 'active').length;
	byId('summary').textContent = [
		schedules[0] ? `version ${schedules[0].version}` : null,
		schedules.length === 1 ? '1 schedule' : `${schedules.length} schedules`,
		stopped > 0 ? `${stopped} not running` : null,
	].filter((part) => part !== null).join(' · ');

	if (focused && !document.querySelector('dialog[open]')) {
		const buttons = [...document.querySelectorAll<HTMLButtonElement>(`tr[data-schedule="${focused}"] button`)];
		(buttons.find((button) => button.textContent === label) ?? buttons[0])?.focus();
	}
}

function showSignIn() {
	byId('who').hidden = true;
	byId('schedules').hidden = true;
	byId('sign-in').hidden = false;
	byId('token').focus();
}

async function showInstall(chosen: Install) {
	install = chosen;
	api = installApi(install.id);
	byId('install-name').textContent = install.extension;
	await refresh();
}

async function showSession({ person, tenant, installs }: Session) {
	byId('sign-in').hidden = true;
	byId('who').hidden = false;
	byId('tenant').textContent = tenant;
	byId('person').textContent = person;
	const select = byId<HTMLSelectElement>('install');
	select.replaceChildren(...installs.map(({ id, extension }) => make('option', { value: id }, extension)));
	select.hidden = installs.length < 2;
	select.onchange = () => attempt(() => showInstall(installs[select.selectedIndex]!));
	if (installs[0]) {
		await showInstall(installs[0]);
		byId('schedules').hidden = false;
	} else {
		say('No extension is installed.');
	}
}

byId<HTMLFormElement>('sign-in').addEventListener('submit', (event) => {
	event.preventDefault();
	const token = byId<HTMLInputElement>('token');
	session.open(token.value).then(async (opened) => {
		token.value = '';
		byId('token-error').textContent = '';
		await showSession(opened);
		byId('content').focus();
	}).catch((error: unknown) => {
		byId('token-error').textContent = (error as Error).message;
		token.setAttribute('aria-invalid', 'true');
		token.focus();
	});
});
byId('sign-out').addEventListener('click', () => attempt(async () => {
	await session.close();
	showSignIn();
}));
byId('create').addEventListener('click', () => attempt(() => openCreate(api, () => refresh())));
byId('upgrade').addEventListener('click', () => attempt(() => openUpgrade(api, install, schedules, () => refresh())));
window.setInterval(() => {
	if (!byId('schedules').hidden && !document.hidden && !document.querySelector('dialog[open]')) {
		attempt(() => refresh());
	}
}, refreshMs);

prepareDialogs();
attempt(async () => showSession(await session.get()));
