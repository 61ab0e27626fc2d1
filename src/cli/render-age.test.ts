import { expect, test } from 'vitest';
import { renderAge } from './render-age.ts';

test.each([
  [0, '0 ms'],
  [3.14, '3.1 ms'],
  [42.4, '42 ms'],
  [999.6, '1 s'],
  [1_234, '1.2 s'],
  [59_960, '1 min'],
  [90_000, '2 min'],
  [3_600_000, '1 h'],
  [172_800_000, '2 d'],
  [-20_000, '-20 s'],
])('%d ms is shown as %s', (ms, text) => {
  expect(renderAge(ms)).toBe(text);
});
