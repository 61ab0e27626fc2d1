import type { BoundedCount } from '../../../src/dashboard/api.ts';

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** All digits: 1,204. */
export function showCount(count: number): string {
  return whole.format(count);
}

/** For narrow places: 12.3K. */
export function showCompact(count: number): string {
  return count < 10_000 ? whole.format(count) : compact.format(count);
}

/** A count of which it is known only that one of its kind may have stopped at a bound, which is 100 or more. */
export function showAtLeast(count: number, isExact: boolean): string {
  return isExact || count <= 100 ? showCompact(count) : `≥ ${showCompact(count)}`;
}

/** A range where it was not counted to the end: > 100,000. */
export function showBounded({ count, isExact }: BoundedCount): string {
  return isExact ? showCount(count) : `> ${showCount(count)}`;
}

/** Never 100 % before it is all, nor 0 % after it began. */
export function showPercent(percent: number): string {
  if (percent >= 100) return '100 %';
  if (percent > 0 && percent < 0.1) return '< 0.1 %';
  return percent === 0 || percent >= 10
    ? `${Math.floor(percent)} %`
    : `${(Math.floor(percent * 10) / 10).toFixed(1)} %`;
}

/** 1.5 GiB. */
export function showBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${value >= 100 || at === 0 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** 1 request, 2 requests. */
export function showMany(count: number, one: string, many = `${one}s`): string {
  return `${showCount(count)} ${count === 1 ? one : many}`;
}
