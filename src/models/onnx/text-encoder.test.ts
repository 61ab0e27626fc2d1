import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { createTokenFinder } from '../tokens/token-ends.ts';
import { createTextEncoder, createWordTokenizer, truncatePair } from './text-encoder.ts';

const FIXTURES = new URL('../../../test/models/fixtures/onnx/', import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, FIXTURES), 'utf8'));
const tokenizerOf = (name: string) => new Tokenizer(read(`${name}/tokenizer.json`), {});

describe('createTextEncoder', () => {
  it.each(['mean', 'cls', 'last-token', 'clip-text', 'sentence-embedding'])(
    'gives the tokens of the reference for %s',
    (name) => {
      const { texts, maxTokens } = read(`${name}/expected.json`);
      const encoder = createTextEncoder(tokenizerOf(name), maxTokens);
      for (const { text, ids } of texts) expect(encoder.encode(text).ids, text).toEqual(ids);
    },
  );

  it('gives the tokens and types of the reference for pairs', () => {
    const { pairs, maxTokens } = read('cross-encoder/expected.json');
    const encoder = createTextEncoder(tokenizerOf('cross-encoder'), maxTokens);
    for (const { query, document, ids, typeIds } of pairs) {
      expect(encoder.encodePair(query, document)).toMatchObject({ ids, typeIds });
    }
  });

  it.each([
    ['words', 'a queue hands each job to one worker '],
    ['no white space', 'xylophone'],
    ['line breaks', 'lamp\nand\twhale\u3000'],
  ])('cuts a long text where it would be cut if all of it were split: %s', (_, part) => {
    const tokenizer = tokenizerOf('mean');
    const encoder = createTextEncoder(tokenizer, 24);
    for (const count of [1, 5, 20, 100, 1_000]) {
      const text = part.repeat(count);
      const all = tokenizer.encode(text).ids;
      const expected = all.length <= 24 ? all : [...all.slice(0, 23), ...all.slice(-1)];
      expect(encoder.encode(text).ids, `${count} times`).toEqual(expected);
    }
  });

  it.each(['mean', 'cls', 'last-token', 'clip-text'])('reads a megabyte without white space with %s', (name) => {
    const tokenizer = tokenizerOf(name);
    const encoder = createTextEncoder(tokenizer, 24);
    for (const part of ['灯台', 'xyz', 'a-b,', '😀']) {
      const cpuMs = startCpuTimer();
      const long = encoder.encode(part.repeat(1_000_000 / part.length));
      expect(cpuMs()).toBeLessThan(3_000);
      const short = encoder.encode(part.repeat(100));
      expect(long.isTruncated, part).toBe(true);
      // Unknown words are one token, and here one that is too long for its end to be looked for.
      if (short.isTruncated) expect(long, part).toEqual(short);
    }
  });

  it('does not take the beginning of a long word for the word', () => {
    const tokenizer = tokenizerOf('mean');
    // Words of more than 100 characters are unknown as a whole; of fewer, every letter is a token.
    const text = `${'y'.repeat(199)} ${'x'.repeat(400)} lamp`;
    expect(createTextEncoder(tokenizer, 24).encode(text).ids).toEqual(tokenizer.encode(text).ids);
  });

  it('reads only the beginning of a long text', () => {
    const tokenizer = tokenizerOf('mean');
    const lengths: number[] = [];
    const tokenize = tokenizer.tokenize.bind(tokenizer);
    tokenizer.tokenize = (text: string) => {
      lengths.push(text.length);
      return tokenize(text);
    };
    createTextEncoder(tokenizer, 24).encode('a lamp '.repeat(100_000));
    expect(lengths).toHaveLength(1);
    expect(lengths[0]).toBeLessThan(1_000);
  });

  it('refuses what has no tokens', () => {
    const tokenizer = tokenizerOf('mean');
    tokenizer.post_processor = null;
    expect(() => createTextEncoder(tokenizer, 24).encode(' ')).toThrow('The text has no tokens');
  });
});

it.each([
  [3, 4, 10, [3, 4]],
  [3, 7, 10, [3, 7]],
  [3, 20, 10, [3, 7]],
  [20, 3, 10, [7, 3]],
  [20, 30, 10, [5, 5]],
  [20, 30, 11, [5, 6]],
  [30, 20, 11, [6, 5]],
  [0, 30, 11, [0, 11]],
  [30, 30, 0, [0, 0]],
])('keeps of %i and %i tokens in room for %i: %j', (first, second, room, kept) => {
  expect(truncatePair(first, second, room)).toEqual(kept);
});

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
