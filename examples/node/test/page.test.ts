/*
 * page.test.ts: the page in a browser, against the real extension.
 *
 * test/t/640_node_example.pl starts the server with two tenants, acme and
 * globex, the route, the Runner and the page's server, and says in the
 * environment where they are: PAGE_URL, ACME_TOKEN, GLOBEX_TOKEN,
 * ACME_INSTALL, CHROMIUM, and SCREENSHOTS, a folder for pictures to look at.
 * The tests are one story; each goes on where the one before has ended.
 */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { chromium, type Browser, type Page } from 'playwright-core';

function setting(name: string): string {
	const value = process.env[name];
	assert.ok(value, `${name} is set`);
	return value;
}

const url = setting('PAGE_URL');
const waitMs = 20_000;

let browser: Browser;
let page: Page;
const complaints: string[] = [];

/** A browser of its own for a person: no cookie is shared. */
async function openPage(options: { colorScheme?: 'light' | 'dark'; width?: number } = {}): Promise<Page> {
	const context = await browser.newContext({
		colorScheme: options.colorScheme ?? 'light', timezoneId: 'Europe/Berlin',
		viewport: { width: options.width ?? 1100, height: 850 },
	});
	context.setDefaultTimeout(waitMs);
	const opened = await context.newPage();
	opened.on('pageerror', (error) => complaints.push(error.message));
	opened.on('console', (message) => {
		// The browser itself reports the 4xx of refusals that are wanted here.
		if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
			complaints.push(message.text());
		}
	});
	await opened.goto(url);
	return opened;
}

async function signIn(where: Page, token: string) {
	await where.getByLabel('Session token').fill(token);
	await where.getByRole('button', { name: 'Sign in' }).click();
	await where.getByRole('button', { name: 'New schedule' }).waitFor();
}

function row(name: string) {
	return page.getByRole('row').filter({ has: page.getByRole('rowheader', { name }) });
}

async function said(text: RegExp) {
	await page.getByRole('status').filter({ hasText: text }).waitFor();
}

async function takePicture(where: Page, name: string) {
	if (process.env['SCREENSHOTS']) {
		await where.screenshot({ path: `${process.env['SCREENSHOTS']}/${name}.png` });
	}
}

/** Go on with the Tab key until an element has the focus, as a person without a mouse does. */
async function tabTo(selector: string) {
	for (let n = 0; n < 30; n++) {
		if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) {
			return;
		}
		await page.keyboard.press('Tab');
	}
	assert.fail(`the Tab key does not lead to ${selector}`);
}

before(async () => {
	browser = await chromium.launch({
		executablePath: setting('CHROMIUM'), args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
	});
	page = await openPage();
});
after(() => browser.close());

test('a token that is not known opens nothing, and says so at the field', async () => {
	await page.getByLabel('Session token').fill('wrong');
	await page.keyboard.press('Enter');
	await page.getByText('This token is not known.').waitFor();
	assert.equal(await page.getByLabel('Session token').getAttribute('aria-invalid'), 'true');
	assert.equal(await page.getByRole('button', { name: 'New schedule' }).isVisible(), false);
});

test('a schedule is created by keyboard alone, with the next times shown before', async () => {
	await page.getByLabel('Session token').fill('');
	await page.keyboard.type(setting('ACME_TOKEN'));
	await page.keyboard.press('Enter');
	await page.getByText('Nothing is scheduled yet.').waitFor();

	await tabTo('#create');
	await page.keyboard.press('Enter');
	await page.getByRole('dialog').waitFor();
	await tabTo('#endpoint');
	await page.keyboard.type('POST /api/heart');
	await tabTo('#cron');
	await page.keyboard.type('30 9 * * 1-5');
	await tabTo('#name');
	await page.keyboard.type('Morning heartbeat');
	await tabTo('#payload');
	await page.keyboard.type('{"source": "page"}');
	await page.locator('#preview li').nth(4).waitFor();
	for (const text of await page.locator('#preview li').allTextContents()) {
		assert.match(text, /09:30/, 'in the zone of the schedule');
		assert.doesNotMatch(text, /Sat|Sun/);
	}
	await takePicture(page, 'create-light');
	await page.keyboard.press('Enter'); // a line in the text, not the form
	await tabTo('#create-form button[type=submit]');
	await page.keyboard.press('Enter');

	await row('Morning heartbeat').waitFor();
	await said(/created/);
	assert.equal(await page.getByRole('dialog').count(), 0);
	assert.equal(await page.evaluate(() => document.activeElement?.id), 'create', 'the focus is back');
	assert.match(await row('Morning heartbeat').innerText(), /30 9 \* \* 1-5\s+Europe\/Berlin/);
});

test('a wrong expression has its error at the field, while typing and when sent', async () => {
	await page.getByRole('button', { name: 'New schedule' }).click();
	await page.getByLabel('Cron expression').fill('* * * * *');
	await page.locator('#cron-error').filter({ hasText: 'at least 300 are required' }).waitFor();
	assert.equal(await page.getByLabel('Cron expression').getAttribute('aria-invalid'), 'true');
	assert.equal(await page.locator('#preview li').count(), 0);

	await page.getByLabel('Cron expression').fill('99 * * * *');
	await page.getByLabel('Time zone').fill('Mars/Base');
	await page.getByLabel('Payload').fill('{broken');
	await page.keyboard.press('Tab');
	await page.getByRole('button', { name: 'Create', exact: true }).click();
	await page.locator('#cron-error').filter({ hasText: 'Value "99" in field "minute"' }).waitFor();
	await page.locator('#timezone-error').filter({ hasText: 'Mars/Base' }).waitFor();
	await page.locator('#payload-error').filter({ hasText: 'payload' }).waitFor();
	assert.equal(await page.evaluate(() => document.activeElement?.id), 'cron', 'the focus is at the first of them');
	await takePicture(page, 'errors-light');
	await page.keyboard.press('Escape');
	assert.equal(await page.locator('#rows tr').count(), 1, 'nothing was created');
});

test('the text of a tenant is shown as text', async () => {
	const name = '<img src=x onerror="document.title=1">';
	await page.getByRole('button', { name: 'New schedule' }).click();
	await page.getByLabel('Endpoint', { exact: true }).selectOption('GET /api/status');
	await page.getByLabel('Cron expression').fill('0 0 1 1 *');
	await page.getByLabel('Name').fill(name);
	await page.getByRole('button', { name: 'Create', exact: true }).click();
	await row(name).waitFor();
	assert.equal(await page.locator('#rows img').count(), 0);
	assert.equal(await page.title(), 'Schedules');
});

test('run now shows its outcome', async () => {
	await page.getByRole('button', { name: 'Run Morning heartbeat now' }).click();
	await said(/Morning heartbeat: succeeded/);
	await row('Morning heartbeat').locator('.last').filter({ hasText: 'succeeded' }).waitFor();

	await page.getByRole('button', { name: 'History of Morning heartbeat' }).click();
	const history = page.getByRole('dialog');
	await history.getByText('run on request').waitFor();
	assert.match(await history.innerText(), /✓ succeeded/);
	await takePicture(page, 'history-light');
	await history.getByRole('button', { name: 'Close' }).click();
});

test('pause needs a reason and shows it, resume takes it away', async () => {
	await page.getByRole('button', { name: 'Pause Morning heartbeat' }).click();
	await page.getByRole('button', { name: 'Pause', exact: true }).click();
	await page.getByText('Say why, for whoever resumes it.').waitFor();
	await page.getByLabel('Why').fill('the partner is down');
	await page.keyboard.press('Enter');
	await row('Morning heartbeat').getByText('the partner is down').waitFor();
	await said(/paused/);
	await page.getByRole('button', { name: 'Resume Morning heartbeat' }).click();
	await page.getByRole('button', { name: 'Pause Morning heartbeat' }).waitFor();
});

test('another tenant sees nothing of it, by page or by call', async () => {
	const theirs = await openPage();
	await signIn(theirs, setting('GLOBEX_TOKEN'));
	await theirs.getByText('Nothing is scheduled yet.').waitFor();
	assert.equal(await theirs.locator('#tenant').innerText(), 'globex');
	assert.doesNotMatch(await theirs.content(), /Morning heartbeat/);

	const ours = await page.locator('#rows tr').first().getAttribute('data-schedule');
	const statuses = await theirs.evaluate(async ([install, schedule]) => {
		const paths = [`${install}/schedules`, `${install}/schedules/${schedule}/runs`, `${install}/endpoints`];
		const reads = paths.map((path) => fetch(`/api/installs/${path}`));
		const own = location.pathname && (document.querySelector('#install option') as HTMLOptionElement).value;
		const writes = [`${install}/schedules/${schedule}/run`, `${own}/schedules/${schedule}/run`,
			`${own}/schedules/${schedule}/pause`, `${own}/schedules/${schedule}/resume`].map((path) =>
			fetch(`/api/installs/${path}`, {
				method: 'POST', headers: { 'content-type': 'application/json' },
				body: JSON.stringify({ token: 'x', reason: 'x', tenant: 'acme', tenant_id: 'acme' }),
			}));
		return (await Promise.all([...reads, ...writes])).map((response) => response.status);
	}, [setting('ACME_INSTALL'), ours]);
	assert.deepEqual(statuses, [404, 404, 404, 404, 404, 404, 404]);
	await theirs.context().close();
});

test('a call without a session, or not as JSON, is refused', async () => {
	const base = `${url}/api/installs/${setting('ACME_INSTALL')}`;
	assert.equal((await fetch(`${base}/schedules`)).status, 401);
	const status = await page.evaluate(async (path) =>
		(await fetch(path, { method: 'POST', body: '{"version":"x"}' })).status, `${base}/upgrade`);
	assert.equal(status, 415);
});

test('the upgrade dialogue foretells what becomes of each schedule, and does that', async () => {
	await page.getByRole('button', { name: 'Upgrade…' }).click();
	const dialog = page.getByRole('dialog');
	await dialog.getByText('1 of 2 would have no endpoint.').waitFor();
	assert.match(await dialog.locator('li').filter({ hasText: 'Morning heartbeat' }).innerText(), /goes on/);
	assert.match(await dialog.locator('li').filter({ hasText: '/api/status' }).innerText(), /its endpoint is gone/);
	await takePicture(page, 'upgrade-light');

	await dialog.getByRole('button', { name: 'Upgrade' }).click();
	await dialog.getByText('Nothing was changed.').waitFor();
	await dialog.getByLabel(/Disable the schedules/).check();
	await dialog.getByRole('button', { name: 'Upgrade' }).click();
	await page.getByText('version 0.2.0', { exact: false }).waitFor();
	await row('<img').getByText('its endpoint is gone').waitFor();
	await page.getByRole('button', { name: 'Pause Morning heartbeat' }).waitFor();
});

test('every control has a name, in every dialogue', async () => {
	const nameless = await page.evaluate(() =>
		[...document.querySelectorAll<HTMLElement>('button, input, select, textarea')]
			.filter((control) => !control.getAttribute('aria-label') && !control.textContent?.trim() &&
				!document.querySelector(`label[for="${control.id}"]`))
			.map((control) => control.outerHTML));
	assert.deepEqual(nameless, []);
});

test('nothing is wider than a phone, in light or dark', async () => {
	for (const colorScheme of ['light', 'dark'] as const) {
		const phone = await openPage({ colorScheme, width: 360 });
		await signIn(phone, setting('ACME_TOKEN'));
		await phone.getByText('Morning heartbeat').waitFor();
		assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
		await takePicture(phone, `phone-${colorScheme}`);
		await phone.setViewportSize({ width: 1100, height: 850 });
		await takePicture(phone, `table-${colorScheme}`);
		await phone.getByRole('button', { name: 'New schedule' }).click();
		await phone.getByLabel('Cron expression').fill('H 3 * * *');
		await phone.locator('#preview li').first().waitFor();
		await takePicture(phone, `create-${colorScheme}`);
		await phone.context().close();
	}
});

test('sign out ends the session', async () => {
	await page.getByRole('button', { name: 'Sign out' }).click();
	await page.getByLabel('Session token').waitFor();
	await page.reload();
	await page.getByRole('button', { name: 'Sign in' }).waitFor();
});

test('the browser had nothing to complain about', () => {
	assert.deepEqual(complaints, []);
});
