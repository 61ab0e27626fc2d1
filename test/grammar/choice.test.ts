import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled } from './compiled.ts';
import { openGenerator } from './generates.ts';

afterAll(closeEngine);

const AWKWARD = [
  'ab',
  'abc',
  'a',
  '"quoted"',
  'back\\slash',
  'two\nlines\r\n',
  ' leading and trailing ',
  '[^a-z]{2}',
  'root ::= "x"',
  'é',
  'e\u0301',
  '😀',
  '👩‍👩‍👧',
  '\u0001\u007f\u0085',
  '\ufeffmark',
  '日本語',
  '日本',
];

describe('the engine takes exactly the choices', { timeout: 60_000 }, () => {
  test('byte for byte, also where one is the beginning of another', async () => {
    const { gbnf, problemOf } = compiled({ kind: 'choice', choices: AWKWARD });
    const isAccepted = await acceptorOf(gbnf);
    const others = AWKWARD.flatMap((choice) => [`${choice}x`, choice.slice(0, -1), choice.normalize('NFD')]).filter(
      (text) => !AWKWARD.includes(text),
    );
    expect(AWKWARD.filter((text) => !isAccepted(text) || problemOf(text) !== undefined)).toEqual([]);
    expect(others.filter((text) => isAccepted(text) || problemOf(text) === undefined)).toEqual([]);
  });

  test('and generates each of them', async () => {
    const generator = await openGenerator();
    try {
      const { gbnf, problemOf } = compiled({ kind: 'choice', choices: AWKWARD });
      const seen = new Set<string>();
      for (let seed = 0; seed < 1_000 && seen.size < AWKWARD.length; seed += 1) {
        const text = await generator.generate(gbnf, seed, 60);
        // The engine lets a character be spelt with more bytes than it has, which the check of results must notice.
        if (text?.includes('\ufffd')) expect(problemOf(text)).toBe('The model gave none of the choices');
        else if (text !== undefined) seen.add(text);
      }
      expect([...seen].sort()).toEqual([...AWKWARD].sort());
    } finally {
      await generator.close();
    }
  });

  test('for any choices and any other text', async () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }).filter((value) => !value.includes('\0'));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(text, { minLength: 2, maxLength: 12 }), text, async (choices, other) => {
        const { gbnf, problemOf } = compiled({ kind: 'choice', choices });
        const isAccepted = await acceptorOf(gbnf);
        for (const candidate of [...choices, other, `${choices[0]}${other}`, '']) {
          const expected = choices.includes(candidate);
          expect([candidate, isAccepted(candidate), problemOf(candidate) === undefined]).toEqual([
            candidate,
            expected,
            expected,
          ]);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('a thousand of them with one beginning are one beginning for the engine', async () => {
    const choices = Array.from({ length: 1_000 }, (_, index) => `category ${index}`);
    const { gbnf } = compiled({ kind: 'choice', choices });
    expect(gbnf.split('\n')[1]).toMatch(/^c ::= "category " \S+$|^c ::= ("category \d" \S+( \| )?){10}$/);
    const isAccepted = await acceptorOf(gbnf);
    expect(choices.every(isAccepted)).toBe(true);
    expect(isAccepted('category 1000')).toBe(false);
  });
});
