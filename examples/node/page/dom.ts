/*
 * dom.ts: small steps for building the page.
 *
 * Text of tenants only ever becomes a text node.  Nothing here, or elsewhere on
 * the page, parses HTML.
 */

export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
	const found = document.getElementById(id);
	if (!found) {
		throw new Error(`there is no #${id}`);
	}
	return found as Type;
}

type Child = Node | string | null;

export function make<Tag extends keyof HTMLElementTagNameMap>(
	tag: Tag, attributes: Record<string, string> = {}, ...children: Child[]
): HTMLElementTagNameMap[Tag] {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		element.setAttribute(name, value);
	}
	element.append(...children.filter((child) => child !== null));
	return element;
}

export function makeButton(label: string, description: string, onClick: () => void): HTMLButtonElement {
	const button = make('button', { type: 'button', 'aria-label': description }, label);
	button.addEventListener('click', onClick);
	return button;
}

/** Tell what happened, to eyes and to screen readers. */
export function say(text: string) {
	byId('said').textContent = text;
}

/** Put errors under the fields of a form, and take away those of before. */
export function showFieldErrors(names: string[], errors: Record<string, string>) {
	for (const name of names) {
		const text = errors[name] ?? '';
		byId(`${name}-error`).textContent = text;
		byId(name).setAttribute('aria-invalid', String(text !== ''));
	}
}

/** An instant as the wall clock of a zone shows it. */
export function formatTime(instant: string, timeZone: string): string {
	return new Intl.DateTimeFormat('en-GB', {
		weekday: 'short', day: 'numeric', month: 'short', year: 'numeric',
		hour: '2-digit', minute: '2-digit', timeZone, timeZoneName: 'short',
	}).format(new Date(instant));
}

/** How far away an instant is: "in 3 hours". */
export function formatDistance(instant: string): string {
	const seconds = (Date.parse(instant) - Date.now()) / 1000;
	const units: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86400], ['hour', 3600], ['minute', 60]];
	const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? ['second' as const, 1];

	return new Intl.RelativeTimeFormat('en', { numeric: 'auto' }).format(Math.round(seconds / size), unit);
}
