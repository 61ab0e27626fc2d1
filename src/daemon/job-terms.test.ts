import { expect, test } from 'vitest';
import { chunksFor } from './job-terms.ts';

const WANTED = { schema: 'public', table: 'chunks', size: undefined, overlap: 0 };
const model = (window?: number) => ({ name: 'test/model', ...(window === undefined ? {} : { window }) });

test.each([
  [undefined, undefined, 512],
  [undefined, 8192, 512],
  [undefined, 128, 112],
  [100, 128, 100],
  [2_000, undefined, 2_000],
])('a chunk of %s tokens for a window of %s has %s', (size, window, expected) => {
  expect(chunksFor({ ...WANTED, size }, model(window))).toMatchObject({ chunks: { size: expected }, warnings: [] });
});

test('a chunk larger than the window is clamped, with a warning', () => {
  const { chunks, warnings } = chunksFor({ ...WANTED, size: 1_000 }, model(512));
  expect(chunks.size).toBe(496);
  expect(warnings).toEqual(['chunk_size is 1000 tokens, and test/model reads 496 of a text: chunks have 496']);
});

test('an overlap of more than half of what a chunk has in the end is refused', () => {
  expect(() => chunksFor({ ...WANTED, overlap: 64 }, model(128))).toThrow(
    'chunk_overlap is 64 tokens, and must be at most half of a chunk, which has 112 for the model test/model',
  );
});
