import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { type Chunk, chunkText as findChunks } from './chunk-text.ts';

const chunkText = (...args: Parameters<typeof findChunks>) => [...findChunks(...args)];

/** A token for each word, with the white space before it, and one for each other character that is no white space. */
function wordTokens(text: string): Uint32Array {
  return Uint32Array.from(
    [...text.matchAll(/\s*(?:[\p{L}\p{M}\p{N}]+|\S)/gu)].map(({ index, 0: { length } }) => index + length),
  );
}

const textsOf = (text: string, size: number, overlap = 0) =>
  chunkText(text, wordTokens(text), { size, overlap }).map((chunk) => chunk.text);

function isWhole(text: string, place: number): boolean {
  const isLow = (text.charCodeAt(place) & 0xfc00) === 0xdc00;
  return !(isLow && (text.charCodeAt(place - 1) & 0xfc00) === 0xd800);
}

const words = fc.constantFrom(
  'lamp',
  'the',
  'keeper',
  'e.g.',
  'Dr.',
  'lit.',
  'Why?',
  '灯台。',
  '光',
  'ไฟ',
  'été',
  '👩‍👩‍👧',
  '🇩🇪',
  'ก̂',
  '"No!"',
  '1.',
  '-',
  'x'.repeat(90),
);
const gaps = fc.constantFrom(' ', ' ', ' ', '', '\n', '\r\n', '\n\n', '   ', '\u3000', '\u2029');
const prose = fc
  .array(fc.tuple(words, gaps), { maxLength: 120 })
  .map((parts) => parts.map(([word, gap]) => word + gap).join(''));
const anything = fc.oneof(
  prose,
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc.string({ unit: fc.constantFrom(...' \u0085\u200b\u00a0\ufeff\n.a'), maxLength: 100 }),
);
/** Several tokens for each character. */
const byteTokens = (text: string) => {
  let end = 0;
  return Uint32Array.from(
    [...text].flatMap((character, at) => {
      end += character.length;
      return new Array<number>(1 + (at % 3)).fill(end);
    }),
  );
};
const casesOf = (tokensOf: (text: string) => fc.Arbitrary<Uint32Array>) =>
  anything.chain((text) =>
    fc
      .record({
        text: fc.constant(text),
        tokens: tokensOf(text),
        size: fc.integer({ min: 1, max: 40 }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .map(({ share, ...rest }) => ({ ...rest, overlap: Math.floor((rest.size / 2) * share) })),
  );
const wholeCases = casesOf((text) => fc.constantFrom(wordTokens(text), byteTokens(text)));
/** Ends anywhere, as no tokenizer should give them. */
const oddCases = casesOf((text) =>
  fc.array(fc.nat(text.length), { maxLength: 100 }).map((ends) => Uint32Array.from(ends).sort()),
);
const cases = fc.oneof(wholeCases, oddCases);
const countIn = (tokens: Uint32Array, { start, text }: Chunk) => {
  const before = tokens.filter((end) => end <= start).length;
  return tokens.filter((end) => end <= start + text.length).length - before;
};

describe('chunkText', () => {
  test('loses nothing but white space between chunks', () => {
    fc.assert(
      fc.property(cases, ({ text, tokens, size, overlap }) => {
        let covered = 0;
        for (const { no, text: part, start } of chunkText(text, tokens, { size, overlap })) {
          expect(text.slice(start, start + part.length)).toBe(part);
          expect(part).toBe(part.trim());
          expect(part.length).toBeGreaterThan(0);
          expect(text.slice(Math.min(covered, start), start).trim()).toBe('');
          expect(start + part.length).toBeGreaterThan(covered);
          if (overlap === 0) expect(start).toBeGreaterThanOrEqual(covered);
          expect(no).toBeGreaterThanOrEqual(0);
          covered = start + part.length;
        }
        expect(text.slice(covered).trim()).toBe('');
      }),
      { numRuns: 1_000 },
    );
  });

  test('keeps chunks within the size, but for a character that has more tokens', () => {
    fc.assert(
      fc.property(wholeCases, ({ text, tokens, size, overlap }) => {
        for (const chunk of chunkText(text, tokens, { size, overlap })) {
          const isOneCharacter = [...new Intl.Segmenter().segment(chunk.text)].length <= 1;
          if (!isOneCharacter) expect(countIn(tokens, chunk)).toBeLessThanOrEqual(Math.max(size, largestUnit(tokens)));
          expect(chunk.text.length).toBeLessThanOrEqual(Math.max(size * 32, 64));
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('repeats at most the overlap', () => {
    fc.assert(
      fc.property(cases, ({ text, tokens, size, overlap }) => {
        let before: Chunk | undefined;
        for (const chunk of chunkText(text, tokens, { size, overlap })) {
          const end = before === undefined ? 0 : before.start + before.text.length;
          const repeated = text.slice(chunk.start, Math.max(chunk.start, end));
          expect(countIn(tokens, { ...chunk, text: repeated })).toBeLessThanOrEqual(overlap);
          expect(repeated.length).toBeLessThanOrEqual(overlap * 32);
          before = chunk;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('divides no pair of surrogates', () => {
    fc.assert(
      fc.property(cases, ({ text, tokens, size, overlap }) => {
        for (const { start, text: part } of chunkText(text, tokens, { size, overlap })) {
          expect(isWhole(text, start)).toBe(true);
          expect(isWhole(text, start + part.length)).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('divides no cluster of characters where words are tokens', () => {
    const clusters = fc.string({ unit: 'grapheme-composite', maxLength: 200 });
    fc.assert(
      fc.property(clusters, fc.integer({ min: 1, max: 9 }), (text, size) => {
        const edges = new Set([...new Intl.Segmenter().segment(text)].map(({ index }) => index)).add(text.length);
        const codePoints = Uint32Array.from(new Set(byteTokens(text)));
        for (const { start, text: part } of chunkText(text, codePoints, { size, overlap: 0 })) {
          // White space is taken off wherever it is.
          if (/\s/.test(text.slice(Math.max(0, start - 1), start + part.length + 1))) continue;
          expect(edges).toContain(start);
          expect(edges).toContain(start + part.length);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test('leaves the chunks before an appended end as they were', () => {
    fc.assert(
      fc.property(prose, prose, fc.integer({ min: 1, max: 20 }), (text, more, size) => {
        const options = { size, overlap: Math.floor(size / 4) };
        const before = chunkText(text, wordTokens(text), options);
        const after = chunkText(text + more, wordTokens(text + more), options);
        // The last word may go on, and with it the last chunks that could see it.
        const settled = before.filter(
          ({ start, text: part }) =>
            countIn(wordTokens(text), { no: 0, start: start + part.length, text: text.slice(start + part.length) }) >
            size + 1,
        );
        expect(after.slice(0, settled.length)).toEqual(settled);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each<[name: string, text: string, size: number, chunks: string[]]>([
    [
      'at the end of a paragraph',
      'One two three. Four\n\nfive six. Seven eight nine ten',
      8,
      ['One two three. Four', 'five six. Seven eight nine ten'],
    ],
    ['else of a sentence', 'One two three four. Five six seven', 6, ['One two three four.', 'Five six seven']],
    [
      'with its quotation marks',
      'One two “three four.” Five six seven',
      8,
      ['One two “three four.”', 'Five six seven'],
    ],
    ['else of a line', 'one two three\nfour five six seven', 5, ['one two three', 'four five six seven']],
    ['else of a word', 'one two three four', 3, ['one two three', 'four']],
    ['not after an abbreviation', 'one Two three Dr. Four five six', 6, ['one Two three Dr. Four', 'five six']],
    ['not before a small letter', 'one two three etc. four five six', 6, ['one two three etc. four', 'five six']],
    ['not after the number of an item', 'one two three\n4. Five six seven', 6, ['one two three', '4. Five six seven']],
    ['in Chinese', '灯塔照亮。船来了。港口安静', 7, ['灯塔照亮。', '船来了。', '港口安静']],
    ['in Hindi', 'एक दो तीन। चार पाँच छह', 5, ['एक दो तीन।', 'चार पाँच छह']],
    ['in Arabic', 'واحد اثنان ثلاثة؟ أربعة خمسة ستة', 5, ['واحد اثنان ثلاثة؟', 'أربعة خمسة ستة']],
  ])('ends a chunk %s', (_, text, size, chunks) => {
    const tokens = /[灯]/.test(text) ? Uint32Array.from([...text].keys(), (at) => at + 1) : wordTokens(text);
    expect(chunkText(text, tokens, { size, overlap: 0 }).map((chunk) => chunk.text)).toEqual(chunks);
  });

  test('begins what it repeats at a sentence where one begins, else at a word', () => {
    expect(textsOf('One two. Three four. Five six. Seven', 9, 4)).toEqual([
      'One two. Three four. Five six.',
      'Five six. Seven',
    ]);
    expect(textsOf('one two three four five six seven eight nine', 6, 2)).toEqual([
      'one two three four five six',
      'five six seven eight nine',
    ]);
  });

  test('takes what has no tokens in chunks of bounded length', () => {
    const chunks = chunkText('x'.repeat(1_000), new Uint32Array(), { size: 2, overlap: 0 });
    expect(chunks.map(({ text }) => text.length)).toEqual([...new Array<number>(15).fill(64), 40]);
  });

  test('repeats no more of a word without end than of other text', () => {
    const chunks = chunkText('x'.repeat(1_000), Uint32Array.of(1_000), { size: 4, overlap: 2 });
    expect(chunks.map(({ start }) => start).slice(0, 3)).toEqual([0, 64, 128]);
    expect(chunks).toHaveLength(15);
  });

  test('gives no chunk of white space', () => {
    expect(textsOf(' \n\t\u3000', 4)).toEqual([]);
  });

  test.each([
    [0, 0],
    [1.5, 0],
    [10, 6],
    [10, -1],
  ])('refuses a size of %d with an overlap of %d', (size, overlap) => {
    expect(() => chunkText('a', wordTokens('a'), { size, overlap })).toThrow(RangeError);
  });

  test.each<[name: string, unit: string]>([
    ['prose', 'The keeper climbed the steps at dusk. He lit the lamp, e.g. for ships!\nThen came the night.\n\n'],
    ['no white space', 'x'],
    ['spaces', '   '],
    ['stops', '...'],
    ['combining marks', 'a\u0301\u0302\u0303'],
    ['joined emoji', '👩‍👩‍👧'],
    ['han', '灯塔照亮了海上的船。'],
    ['blank lines', '\r\n'],
  ])('takes time in proportion to 5 MB of %s', (_, unit) => {
    const text = unit.repeat(Math.ceil(5_000_000 / unit.length));
    const tokens = Uint32Array.from({ length: Math.floor(text.length / 4) }, (_, at) => 4 * at + 4);
    const cpuMs = startCpuTimer();
    chunkText(text, tokens, { size: 256, overlap: 64 });
    expect(cpuMs()).toBeLessThan(3_000);
  });
});

function largestUnit(tokens: Uint32Array): number {
  const counts = new Map<number, number>();
  for (const end of tokens) counts.set(end, (counts.get(end) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}
