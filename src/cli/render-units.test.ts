import { expect, test } from 'vitest';
import { renderAge, renderBytes } from './render-units.ts';

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1_000, '1 kB'],
  [999_400, '999 kB'],
  [999_700, '1 MB'],
  [436_811_000, '437 MB'],
  [1_340_000_000, '1.34 GB'],
  [2e15, '2000 TB'],
])('%d bytes are shown as %s', (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});

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
