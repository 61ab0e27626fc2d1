import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['1s', 1_000],
  ['500ms', 500],
  ['1.5s', 1_500],
  ['.5', 500],
  ['30', 30_000],
  ['5m', 300_000],
  ['5min', 300_000],
  ['2h', 7_200_000],
  ['7d', 604_800_000],
  ['1w', 604_800_000],
  [' 10 s ', 10_000],
  ['0', 0],
])('%s is %i ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test.each(['', 's', '1x', '-1s', '1 2s', '1e3', 'Infinity', '99999999999999999d', '1s2'])(
  '"%s" is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, '0s'],
  [500, '500ms'],
  [90_000, '1m30s'],
  [604_800_000, '7d'],
  [-1_000, '-1s'],
])('%i ms is shown as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
