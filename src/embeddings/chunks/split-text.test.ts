import { expect, test } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { createPacer } from '../../core/pacer.ts';
import { splitText } from './split-text.ts';

const pacer = createPacer(new AbortController().signal);
const TEXT = 'One two three. Four five six.';

/** The longest stretch of computing without a turn for anything else, so far. */
function watchTurns() {
  let longestMs = 0;
  let cpuMs = startCpuTimer();
  let next: NodeJS.Immediate;
  const take = () => {
    longestMs = Math.max(longestMs, cpuMs());
    cpuMs = startCpuTimer();
    next = setImmediate(take);
  };
  take();
  return () => {
    clearImmediate(next);
    return Math.max(longestMs, cpuMs());
  };
}

const textsOf = async (...[text, tokens, options]: readonly [string, Uint32Array | undefined, number]) =>
  (await splitText(text, tokens, { size: options, overlap: 0 }, pacer)).map((chunk) => chunk.text);

test('counts in the tokens of the model', async () => {
  expect(await textsOf(TEXT, Uint32Array.of(14, 29), 1)).toEqual(['One two three.', 'Four five six.']);
});

test('counts in estimated tokens where the runtime has no tokenizer', async () => {
  expect(await textsOf(TEXT, undefined, 6)).toEqual(['One two three.', 'Four five six.']);
  expect(await textsOf(' ', undefined, 6)).toEqual([]);
});

test.each([
  ['Chinese', '漢'],
  ['full stops', '. '],
  ['characters of many parts', '👨‍👩‍👧‍👦'],
])('gives everything else its turns while it divides a long text of %s as finely as can be', async (_, unit) => {
  const longestMs = watchTurns();
  await splitText(unit.repeat(100_000 / unit.length), undefined, { size: 1, overlap: 0 }, pacer);
  expect(longestMs()).toBeLessThan(100);
});
