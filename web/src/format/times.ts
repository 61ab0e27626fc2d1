const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
];

/** A span in its two largest units: 240 ms, 1.2 s, 3m 12s, 2d 4h. */
export function showSpan(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < 1000) return `${ms < 10 && ms % 1 !== 0 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < 10_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s`;
  const at = UNITS.findIndex(([unit]) => ms >= unit);
  const [unit, name] = UNITS[at] ?? [1000, 's'];
  const [lesser, lesserName] = UNITS[at + 1] ?? [1000, 's'];
  const rest = Math.floor((ms % unit) / lesser);
  return `${Math.floor(ms / unit)}${name}${rest > 0 ? ` ${rest}${lesserName}` : ''}`;
}

/** How long ago, or how soon: 12 s ago, in 3m. */
export function showAgo(agoMs: number): string {
  if (Math.abs(agoMs) < 1000) return 'now';
  return agoMs > 0 ? `${showWhole(agoMs)} ago` : `in ${showWhole(-agoMs)}`;
}

/** The largest unit only; a list of times is easier to read so. */
function showWhole(ms: number): string {
  const [unit, name] = UNITS.find(([each]) => ms >= each) ?? [1000, 's'];
  return name === 's' ? `${Math.floor(ms / unit)} s` : `${Math.floor(ms / unit)}${name}`;
}

/** The browser's time zone: Europe/Berlin. */
export const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const zoneName = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** In local time to the millisecond, with its zone: 2026-11-29 03:04:05.123 GMT+1. */
export function showExactTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const zone = zoneName.formatToParts(date).find(({ type }) => type === 'timeZoneName')?.value ?? '';
  return `${showDay(date)} ${showClock(date)}.${String(date.getMilliseconds()).padStart(3, '0')} ${zone}`;
}

export function showDay(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function showClock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** What an input of the type datetime-local holds, for a time in UTC; and back. */
export function toLocalInput(iso: string | undefined): string {
  if (iso === undefined || iso === '') return '';
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return `${showDay(date)}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

export function fromLocalInput(local: string): string {
  const date = new Date(local);
  return local === '' || Number.isNaN(date.getTime()) ? '' : date.toISOString();
}
