import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { createTextEncoder } from './text-encoder.ts';

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
