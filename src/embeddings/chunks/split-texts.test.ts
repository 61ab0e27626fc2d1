import { expect, test } from 'vitest';
import { splitTexts } from './split-texts.ts';

const { signal } = new AbortController();
const TEXT = 'One two three. Four five six.';

test('counts in the tokens of the model', async () => {
  const model = { tokenize: async (texts: readonly string[]) => texts.map(() => Uint32Array.of(14, 29)) };
  const [chunks] = await splitTexts(model, [TEXT], { size: 1, overlap: 0 }, signal);
  expect(chunks?.map(({ text }) => text)).toEqual(['One two three.', 'Four five six.']);
});

test('counts in estimated tokens where the runtime has no tokenizer', async () => {
  const [chunks, blank] = await splitTexts({}, [TEXT, ' '], { size: 6, overlap: 0 }, signal);
  expect(chunks?.map(({ text }) => text)).toEqual(['One two three.', 'Four five six.']);
  expect(blank).toEqual([]);
});
