const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes for people, in powers of 1000 and with three figures: `437 MB`, `1.34 GB`. */
export function renderBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would be shown as 1000.
  for (; value >= 999.5 && unit < UNITS.length - 1; unit++) value /= 1_000;
  const text = unit === 0 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
  return `${text} ${UNITS[unit]}`;
}

/** A length of time for people, rounded to its largest unit: `3.1 ms`, `1.2 s`, `5 min`, `3 h`, `2 d`. */
export function renderAge(ms: number): string {
  const size = Math.abs(ms);
  if (size < 999.5) return `${size < 9.95 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  if (size < 59_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (size < 3_570_000) return `${Math.round(ms / 60_000)} min`;
  if (size < 171_000_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}
