/*
 * admin_types.ts: what the page and its server say to each other.
 */

export interface Version {
	id: string;
	label: string;
}

/** An extension that the tenant has installed, and the versions it may be upgraded to. */
export interface Install {
	id: string;
	extension: string;
	versions: Version[];
}

export interface Session {
	person: string;
	tenant: string;
	installs: Install[];
}

export type Status =
	'active' | 'disabled' | 'paused' | 'invalid' | 'quarantined' | 'tenant_paused' | 'install_disabled' | 'ended';

export interface ScheduleRow {
	id: string;
	name: string | null;
	method: string;
	path: string;
	cron: string;
	timezone: string;
	status: Status;
	statusReason: string | null;
	version: string;
	nextDue: string | null;
	lastRunAt: string | null;
	lastRunStatus: 'success' | 'error' | null;
	lastError: string | null;
}

export interface EndpointRow {
	id: string;
	method: string;
	path: string;
	schedulable: boolean;
}

export interface RunRow {
	id: string;
	trigger: 'schedule' | 'manual' | 'backfill';
	nominalTime: string;
	state: string;
	reason: string | null;
	attempt: number;
	httpStatus: number | null;
	error: string | null;
	durationMs: number | null;
	missedCount: number | null;
}

/** The fields of the form, as extsched_validate names them. */
export interface ScheduleInput {
	endpoint: string;
	cron: string;
	timezone: string;
	name: string;
	enabled: boolean;
	payload: unknown;
}

export interface Verdict {
	valid: boolean;
	fieldErrors: Record<string, string>;
	nextRuns: string[];
}

export interface RemapRow {
	schedule: string;
	method: string;
	path: string;
	action: 'remap' | 'missing';
}
