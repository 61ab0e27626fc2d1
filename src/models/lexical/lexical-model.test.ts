import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { embedTexts } from '../answer-requests.ts';
import { isBlank } from '../blank-text.ts';
import { createLexicalModel } from './lexical-model.ts';

const model = createLexicalModel();
const { signal } = new AbortController();
/** Texts of which a quadratic step would take ten seconds and more. */
const LENGTH = 100_000;

async function embed(text: string): Promise<Float32Array> {
  const [outcome] = await embedTexts(model, [text], signal);
  if (outcome?.ok !== true) throw new Error(outcome?.error.message);
  return outcome.value;
}

async function rerank(query: string, documents: readonly string[]): Promise<readonly number[]> {
  const [outcome] = await model.rerank([{ query, documents, task: '', seed: 42 }], signal);
  if (outcome?.ok !== true) throw new Error(outcome?.error.message);
  return outcome.value;
}

async function cosine(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all([embed(a), embed(b)]);
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? 0), 0);
}

function digestOf(vector: Float32Array): string {
  return createHash('sha256').update(new Uint8Array(vector.buffer)).digest('hex').slice(0, 16);
}

/** Measures how long the event loop is held up from now on. */
function watchTurns(): { longestGapMs(): number } {
  let last = performance.now();
  let longest = 0;
  let isDone = false;
  const turn = () => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  return {
    longestGapMs() {
      isDone = true;
      return Math.max(longest, performance.now() - last);
    },
  };
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
);

describe('vectors', () => {
  // Equal on Node 16 to 24, Unicode 14 to 17. A change here is a new ALGORITHM_VERSION.
  test.each([
    ['The quick brown fox jumps over the lazy dog', 'f0a2d1d22ab4f4be'],
    ['Größe, ΣΊΣΥΦΟΣ und naïve Cafés', 'ff170612d0c451bd'],
    ['機械学習のモデル', '17d6729c9ea84b90'],
    ['!?', 'ce80bb65f9c62170'],
    [`${'a'.repeat(5000)} b`, '793af1c9d12b66d8'],
    ['\ud800 lone', '34254aa992c9f58f'],
    ['price: €5 🎉 ﬁne ½', '3d4341965f294c22'],
  ])('the bits of %s never change', async (text, digest) => {
    expect(digestOf(await embed(text))).toBe(digest);
  });

  test('these numbers never change', async () => {
    const vector = await embed('The quick brown fox jumps over the lazy dog');
    expect([vector[0], vector[1], vector[22], vector[32]]).toEqual([
      -0.03832164406776428, 0, -0.3352445363998413, -0.3352445363998413,
    ]);
  });

  test('every text that is not blank has 384 finite values of norm 1, the same each time', async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        fc.pre(!isBlank(text));
        const vector = await embed(text);
        expect(vector).toHaveLength(384);
        expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
        expect(await embed(text)).toEqual(vector);
      }),
      { numRuns: 500 },
    );
  });

  test('a vector does not depend on its neighbours in the call', async () => {
    const texts = ['one text', 'another text', 'one text'];
    const together = await embedTexts(model, texts, signal);
    const alone = await Promise.all(texts.map((text) => embedTexts(model, [text], signal)));
    expect(together).toEqual(alone.flat());
  });

  test('blank texts are invalid, and only they', async () => {
    const outcomes = await model.embed(['', ' \t\n', '\u00a0', 'word'], signal);
    expect(outcomes.map((outcome) => outcome.ok || outcome.error.message)).toEqual([
      'Text input cannot be empty',
      'Text input cannot be empty',
      true,
      true,
    ]);
  });

  test('case, width and composition of letters make no difference', async () => {
    expect(await cosine('Naïve CAFÉ', 'nai\u0308ve cafe\u0301')).toBeCloseTo(1, 6);
    expect(await cosine('ＦＵＬＬ width', 'full width')).toBeCloseTo(1, 6);
    expect(await cosine('ΟΔΟΣ', 'οδός'.normalize('NFD').replaceAll('\u0301', ''))).toBeCloseTo(1, 6);
  });

  test('texts that share words are near, other forms of a word nearer than other words, the rest far', async () => {
    expect(await cosine('The cat sat on the mat', 'A cat is sitting on a mat')).toBeGreaterThan(0.5);
    expect(await cosine('The cat sat on the mat', 'PostgreSQL locks rows in order')).toBeLessThan(0.1);
    expect(await cosine('claims', 'claim')).toBeGreaterThan(0.2);
    expect(await cosine('claims', 'mat')).toBeLessThan(0.1);
    expect(await cosine('機械学習', '機械学習のモデル')).toBeGreaterThan(0.5);
  });
});

describe('rerank', () => {
  test('the query itself scores 1, a text that holds it at least 0.95, and unrelated ones 0', async () => {
    const documents = ['Vectors are normalised', 'To claim a request, call it', 'claim a request', 'A request'];
    const scores = await rerank('Claim a request', documents);
    expect(scores[2]).toBe(1);
    expect(scores[1]).toBeGreaterThanOrEqual(0.95);
    expect(scores[3]).toBeLessThan(0.6);
    expect(scores[0]).toBe(0);
  });

  test('these scores never change', async () => {
    const documents = ['A worker claims requests in batches', 'To claim a request, call it', 'Vectors', 'A request'];
    expect(await rerank('claim a request', documents)).toEqual([0.640487, 0.975, 0, 0.440328]);
    expect(await rerank('学習', ['機械学習のモデル', '猫が好き'])).toEqual([0.96, 0]);
  });

  test('a word that few documents hold counts more than one that many hold', async () => {
    const [rare = 0, common = 0] = await rerank('queue lantern', ['a lantern', 'a queue', 'the queue', 'one queue']);
    expect(rare).toBeGreaterThan(common);
  });

  test('whatever the texts, there is one score from 0 to 1 per document, and a document that holds the query is first', async () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é'), minLength: 1, maxLength: 5 });
    const words = fc.array(word, { minLength: 1, maxLength: 6 }).map((list) => list.join(' '));
    await fc.assert(
      fc.asyncProperty(words, fc.array(words), words, words, async (query, others, before, after) => {
        const scores = await rerank(query, [...others, `${before} ${query} ${after}`]);
        expect(scores).toHaveLength(others.length + 1);
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
        const isWithout = (document = query) => !` ${document} `.includes(` ${query} `);
        const best = Math.max(...scores.filter((_, index) => isWithout(others[index])), 0);
        expect(scores.at(-1)).toBeGreaterThanOrEqual(best);
      }),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(anyText, fc.array(anyText), async (query, documents) => {
        const scores = await rerank(query, documents);
        expect(scores.every((score) => score >= 0 && score <= 1)).toBe(scores.length === documents.length);
      }),
    );
  });
});

describe('hostile texts', () => {
  test.each([
    ['one letter', 'a'.repeat(LENGTH)],
    ['combining marks out of order', `a${'\u0300\u0316'.repeat(LENGTH / 2)}`],
    ['a script without spaces', '学習'.repeat(LENGTH / 2)],
    ['a letter that normalises to 18', '\ufdfa'.repeat(LENGTH)],
    ['words of one beginning', Array.from({ length: 10_000 }, (_, index) => `abcd${index}`).join(' ')],
  ])(
    '100,000 characters of %s leave the event loop its turns',
    async (_, text) => {
      const turns = watchTurns();
      const reranked = rerank(`${text.slice(0, 1_000)} x`, [text]);
      await embed(text);
      await reranked;
      // 20 ms or so; the bound leaves room for a busy machine, and is far below the minutes of a quadratic step.
      expect(turns.longestGapMs()).toBeLessThan(2_000);
    },
    30_000,
  );

  test('an abort ends the work', async () => {
    const controller = new AbortController();
    const call = model.embed(['\u0300\u0316'.repeat(LENGTH), 'word'], controller.signal);
    controller.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });
});
