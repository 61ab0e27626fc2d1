import { expect, test } from 'vitest';
import { renderBytes } from './render-bytes.ts';

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
