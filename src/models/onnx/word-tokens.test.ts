import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { createTokenFinder } from '../tokens/token-ends.ts';
import { createWordTokenizer } from './word-tokens.ts';

const FIXTURES = new URL('../../../test/models/fixtures/onnx/', import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, FIXTURES), 'utf8'));
const none = async () => undefined;

const HOSTILE =
  'Ein Leuchtturm, Čaj naïve café déjà-vu don’t 😀👩‍👩‍👧 маяк светит. 灯台は船に道を示す。 ไฟประภาคาร x  y\n\n\tz ﬁn Å ＡＢＣ \u0000\u200b\ufffd ' +
  'q'.repeat(300);

describe.each([
  ['mean', 'WordPiece'],
  ['cls', 'Unigram'],
  ['last-token', 'byte-level BPE'],
  ['clip-text', 'CLIP'],
])('words of the fixture %s (%s)', (name) => {
  const tokenizer = new Tokenizer(read(`${name}/tokenizer.json`), {});
  const finder = createTokenFinder(createWordTokenizer(tokenizer));
  const texts: readonly { text: string }[] = read(`${name}/expected.json`).texts;

  it('have as many tokens as the whole, but for one more where Unigram has a word begin at a tab or a line', async () => {
    for (const { text } of [...texts, { text: HOSTILE }, { text: texts.map((each) => each.text).join('\n') }]) {
      const whole = tokenizer.tokenize(text).length;
      const more = name === 'cls' ? (text.match(/[^ \S]/g) ?? []).length : 0;
      const { length } = await finder.find(text, none);
      expect(length, text).toBeGreaterThanOrEqual(whole);
      expect(length, text).toBeLessThanOrEqual(whole + more);
    }
  });

  it('end where characters end, in rising order, the last one with the word', async () => {
    const ends = await finder.find(HOSTILE, none);
    expect(ends.every((end, at) => end >= (ends[at - 1] ?? 0))).toBe(true);
    expect(ends.every((end) => (HOSTILE.charCodeAt(end) & 0xfc00) !== 0xdc00)).toBe(true);
    expect(ends.at(-1)).toBe(HOSTILE.length);
  });

  it('are found in 1 MB without white space, and with it, in seconds of computing, and the process breathes', async () => {
    for (const unit of ['x', 'The keeper climbed 429 steps, and lit the lamp. ']) {
      let breaths = 0;
      const cpuMs = startCpuTimer();
      await finder.find(unit.repeat(Math.ceil(1_000_000 / unit.length)), async () => {
        breaths += 1;
      });
      expect(cpuMs()).toBeLessThan(5_000);
      expect(breaths).toBeGreaterThan(5);
    }
  });
});

it('tokens that are parts of the word end where these do', async () => {
  const tokenizer = new Tokenizer(read('mean/tokenizer.json'), {});
  const finder = createTokenFinder(createWordTokenizer(tokenizer));
  const text = 'the  lamp, xy 灯台 é';
  const ends = [...(await finder.find(text, none))];
  expect(ends.map((end, at) => text.slice(ends[at - 1] ?? 0, end).trim()).filter((part) => part.length > 1)).toEqual(
    tokenizer
      .tokenize(text)
      .filter((token: string) => token.length > 1 && !token.startsWith('#') && !token.startsWith('[')),
  );
});
