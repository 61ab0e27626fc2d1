import { expect, test } from 'vitest';
import { fromLocalInput, showAgo, showExactTime, showSpan, toLocalInput } from './times.ts';

test('a span has at most its two largest units', () => {
  const shown = [0.4, 240, 1240, 59_900, 192_000, 3_600_000, 187_500_000].map(showSpan);
  expect(shown).toEqual(['0.4 ms', '240 ms', '1.2 s', '59 s', '3m 12s', '1h', '2d 4h']);
});

test('a span that clocks disagree about is never negative', () => {
  expect(showSpan(-40)).toBe('0 ms');
});

test('what was and what will be are told apart', () => {
  expect([400, 12_000, 7_300_000, -180_000].map(showAgo)).toEqual(['now', '12 s ago', '2h ago', 'in 3m']);
});

test('an exact time has milliseconds and names its zone', () => {
  expect(showExactTime('2026-11-29T02:04:05.123Z')).toMatch(/^2026-11-\d\d \d\d:04:05\.123 \S+$/);
});

test('a time goes into an input and comes back the same', () => {
  expect(fromLocalInput(toLocalInput('2026-06-01T10:20:00.000Z'))).toBe('2026-06-01T10:20:00.000Z');
  expect(fromLocalInput('')).toBe('');
});
