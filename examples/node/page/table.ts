/*
 * table.ts: schedules and runs as rows.
 */

import type { RunRow, ScheduleRow, Status } from '../src/admin_types.js';
import { formatDistance, formatTime, make, makeButton } from './dom.js';

/** What can be done with a schedule. */
export interface Actions {
	runNow(schedule: ScheduleRow, button: HTMLButtonElement): void;
	pause(schedule: ScheduleRow): void;
	resume(schedule: ScheduleRow): void;
	showHistory(schedule: ScheduleRow): void;
}

const statusWords: Record<Status, string> = {
	active: 'active', disabled: 'disabled', paused: 'paused', invalid: 'its endpoint is gone',
	quarantined: 'quarantined', tenant_paused: 'all schedules are paused',
	install_disabled: 'the extension is disabled', ended: 'no time is left',
};

export function titleOf(schedule: ScheduleRow): string {
	return schedule.name ?? `${schedule.method} ${schedule.path}`;
}

function badge(kind: 'good' | 'bad' | 'warn' | '', text: string) {
	const signs = { good: '✓ ', bad: '✗ ', warn: '! ', '': '' };
	return make('span', { class: `badge ${kind}` }, signs[kind] + text);
}

function time(instant: string, zone: string) {
	return make('time', { datetime: instant }, formatTime(instant, zone));
}

function nextCell(schedule: ScheduleRow) {
	if (schedule.status !== 'active' || schedule.nextDue === null) {
		return make('td', { 'data-label': 'Next run' }, badge('warn', statusWords[schedule.status]),
			schedule.statusReason ? make('span', { class: 'detail quiet' }, schedule.statusReason) : null);
	}
	return make('td', { 'data-label': 'Next run' }, formatDistance(schedule.nextDue),
		make('span', { class: 'detail quiet' }, time(schedule.nextDue, schedule.timezone)));
}

function lastCell(schedule: ScheduleRow) {
	if (schedule.lastRunAt === null || schedule.lastRunStatus === null) {
		return make('td', { 'data-label': 'Last outcome', class: 'last' }, make('span', { class: 'quiet' }, 'not run yet'));
	}
	const isGood = schedule.lastRunStatus === 'success';
	return make('td', { 'data-label': 'Last outcome', class: 'last' },
		badge(isGood ? 'good' : 'bad', isGood ? 'succeeded' : 'failed'),
		make('span', { class: 'detail quiet' }, time(schedule.lastRunAt, schedule.timezone)),
		schedule.lastError ? make('span', { class: 'detail error' }, schedule.lastError) : null);
}

function actionCell(schedule: ScheduleRow, actions: Actions) {
	const title = titleOf(schedule);
	const run: HTMLButtonElement = makeButton('Run now', `Run ${title} now`, () => actions.runNow(schedule, run));
	const buttons = [run];

	if (schedule.status === 'active') {
		buttons.push(makeButton('Pause', `Pause ${title}`, () => actions.pause(schedule)));
	} else if (schedule.status === 'paused' || schedule.status === 'quarantined') {
		buttons.push(makeButton('Resume', `Resume ${title}`, () => actions.resume(schedule)));
	}
	buttons.push(makeButton('History', `History of ${title}`, () => actions.showHistory(schedule)));
	return make('td', {}, make('div', { class: 'actions' }, ...buttons));
}

export function scheduleRow(schedule: ScheduleRow, actions: Actions) {
	return make('tr', { 'data-schedule': schedule.id },
		make('th', { scope: 'row' }, titleOf(schedule),
			schedule.name === null ? null
				: make('span', { class: 'detail quiet' }, `${schedule.method} ${schedule.path}`)),
		make('td', { 'data-label': 'When' }, make('span', { class: 'cron' }, schedule.cron),
			make('span', { class: 'detail quiet' }, schedule.timezone)),
		nextCell(schedule), lastCell(schedule), actionCell(schedule, actions));
}

/** The state of a run in words, with how good it is. */
export function outcomeOf(run: RunRow): { kind: 'good' | 'bad' | 'warn' | ''; text: string } {
	const reason = run.reason ? ` (${run.reason.replaceAll('_', ' ')})` : '';
	switch (run.state) {
		case 'succeeded': return { kind: 'good', text: 'succeeded' };
		case 'failed': case 'lost': return { kind: 'bad', text: run.state + reason };
		case 'skipped': case 'missed': case 'cancelled': {
			const count = run.missedCount !== null && run.missedCount > 1 ? ` ${run.missedCount} times` : '';
			return { kind: 'warn', text: run.state + count + reason };
		}
		default: return { kind: '', text: run.state };
	}
}

export function isFinished(run: RunRow): boolean {
	return !['pending', 'running', 'retrying'].includes(run.state);
}

export function runRow(run: RunRow, zone: string) {
	const outcome = outcomeOf(run);
	const details = [
		run.trigger === 'manual' ? 'run on request' : run.trigger === 'backfill' ? 'filled in' : null,
		run.attempt > 1 ? `${run.attempt} attempts` : null,
		run.httpStatus === null ? null : `status ${run.httpStatus}`,
		run.error,
	].filter((part) => part !== null);

	return make('tr', {},
		make('td', {}, time(run.nominalTime, zone)),
		make('td', {}, badge(outcome.kind, outcome.text)),
		make('td', {}, run.durationMs === null ? '–' : `${Math.round(run.durationMs)} ms`),
		make('td', {}, details.join(', ')));
}
