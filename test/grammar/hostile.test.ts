import { afterAll, describe, expect, test } from 'vitest';
import { LONGEST_PATTERN } from '../../src/models/grammar/regex/read/normalise-pattern.ts';
import type { JsonSchema } from '../../src/models/json-value.ts';
import { startCpuTimer } from '../support/cpu-time.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled, refusalOf } from './compiled.ts';

afterAll(closeEngine);

/** Far more than any of these takes; a machine under load is no failure. */
const BRIEFLY_MS = 10_000;

describe('a hostile pattern is refused before the engine, briefly and without exhausting the stack', () => {
  test.each([
    ['a repetition of repetitions', '((a{1000}){1000}){1000}', 'Pattern too large: the repetition at position'],
    ['a count beyond reason', 'a{999999999}', 'Pattern too large: the repetition at position 2'],
    ['a count beyond numbers', `a{0,${'9'.repeat(400)}}`, 'a count of more than 9 digits at position 2'],
    ['counts that multiply while small', `${'('.repeat(60)}a${'{2})'.repeat(60)}`, 'Pattern too large'],
    ['optional counts that multiply', '(((x{0,100}y){0,100}z){0,100})', 'Pattern too large'],
    ['nesting', `${'('.repeat(4_000)}a${')'.repeat(4_000)}`, 'nesting deeper than 100 groups at position 101'],
    ['unfinished nesting', '('.repeat(9_000), 'nesting deeper than 100 groups at position 101'],
    ['length', 'a'.repeat(100_000), 'Pattern is too long: 100000 characters'],
    ['length just within', `${'a'.repeat(LONGEST_PATTERN - 1)}(`, 'Pattern is not valid'],
    ['states without end', '(a|aa){0,400}(b|a){300}(a|ab){0,400}', 'Pattern too complex'],
    ['many optional parts', 'a?'.repeat(4_000), 'Pattern too complex'],
    [
      'many Unicode properties',
      ['L', 'M', 'N', 'P', 'S', 'Z', 'Lu', 'Ll', 'Lt'].map((p) => `\\p{${p}}`).join(''),
      'more than 8',
    ],
    ['a class of classes', `[${'[:a:]'.repeat(1_000)}]`, 'a POSIX class of that name at position 2'],
    ['a lookahead that counts backwards', '(?=.*a.{15}b).*', 'Pattern too complex'],
    ['a negative one', '(?!.*a.{15}b).*', 'Pattern too complex'],
    ['lookaheads that multiply', '(?:(?=.*a.{8}b)(?!.*c.{8}d).)*'.repeat(20), 'Pattern too complex'],
    ['a lookbehind that counts forwards', '.*(?<=a.{20})b', 'Pattern too complex'],
    ['looks in looks', `${'(?=.*a'.repeat(60)}${')'.repeat(60)}.*`, 'Pattern too complex'],
    ['more lookbehinds than are followed', times(40, (i) => `.(?<=a{${i}})`).join(''), 'Pattern too complex'],
    ['atomic groups in atomic groups', `${'(?>a|'.repeat(90)}b${')*'.repeat(90)}`, 'in several ways'],
  ])('%s', (_, pattern, refusal) => {
    const cpuMs = startCpuTimer();
    expect(String(refusalOf({ kind: 'regex', pattern }))).toMatch(new RegExp(refusal));
    expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
  });
});

describe('a pattern that takes other engines exponential time is ordinary here', () => {
  test.each([
    ['(a+)+b', 'a'.repeat(3_000)],
    ['(a|a)*b', 'a'.repeat(3_000)],
    ['(a|aa)+b', 'a'.repeat(3_000)],
    ['(.*)*x', 'y'.repeat(3_000)],
    ['((a?){30}){30}b', 'a'.repeat(1_000)],
    ['(x+x+)+y', 'x'.repeat(3_000)],
    ['(\\w+\\s?)+!', 'word '.repeat(600)],
    ['(?=(a+)+b)[ab]+', 'a'.repeat(3_000)],
    ['(?!(a|aa)+$)[ab]+', 'a'.repeat(3_000)],
    ['(\\b\\w+\\b\\s?)+!', 'word '.repeat(600)],
    ['(?:(?!(a*)*x)a)+b', 'a'.repeat(3_000)],
    ['(?:a*+b)*+c', 'a'.repeat(3_000)],
  ])('%s', async (pattern, text) => {
    const { gbnf, problemOf } = compiled({ kind: 'regex', pattern });
    const isAccepted = await acceptorOf(gbnf);
    const cpuMs = startCpuTimer();
    expect([isAccepted(text), problemOf(text)]).toEqual([
      false,
      'The model gave a text that the pattern does not match',
    ]);
    expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
  });
});

describe('a hostile schema is compiled or refused briefly', () => {
  test.each<[string, JsonSchema, string | undefined]>([
    ['a reference to itself many times', { prefixItems: times(15_000, () => ({ $ref: '#' })) }, undefined],
    ['a pattern for each property', textsOf(300, (i) => ({ pattern: `^[a-z]{1,20}${i}[^0-9]{2,30}$` })), 'too large'],
    ['Unicode for each property', textsOf(300, (i) => ({ pattern: `^\\p{L}{1,20}${i}[^\\p{Lu}]+$` })), 'use fewer or'],
    [
      'patterns that all hold',
      { type: 'string', allOf: times(50, (i) => ({ pattern: `(a|b${i}){1,50}d` })) },
      undefined,
    ],
    ['a length for each property', textsOf(100, (i) => ({ pattern: '^[a-z]+x', maxLength: 4_000 - i })), undefined],
    [
      'names beside patterns',
      { ...textsOf(600, () => ({})), patternProperties: Object.fromEntries(times(100, (i) => [`^${i}`, true])) },
      'use fewer names or fewer patterns',
    ],
  ])('%s', (_, schema, refusal) => {
    const cpuMs = startCpuTimer();
    const given = refusalOf({ kind: 'json', schema });
    if (refusal === undefined) expect(given).toBeUndefined();
    else expect(given).toMatch(refusal);
    expect(cpuMs()).toBeLessThan(BRIEFLY_MS);
  });

  test('texts of every format, bounded in length, compile', () => {
    const formats = ['date', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'time', 'uri', 'uuid'];
    const bounds = { minLength: 3, maxLength: 255 };
    const schema = textsOf(2 * formats.length, (i) => ({
      format: formats[i >> 1] ?? '',
      ...(i % 2 ? bounds : { maxLength: 100 }),
    }));
    const { problemOf } = compiled({ kind: 'json', schema });
    expect(problemOf('{"p0":"2024-02-29"}')).toBeUndefined();
    expect(problemOf(`{"p6":"${'a'.repeat(64)}@${'b'.repeat(60)}.org"}`)).toMatch('must NOT have more than 100');
  });
});

function times<Item>(count: number, item: (index: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => item(index));
}

/** An object of many texts, each with keywords of its own. */
function textsOf(count: number, keywords: (index: number) => { [keyword: string]: string | number }) {
  return {
    type: 'object',
    properties: Object.fromEntries(times(count, (index) => [`p${index}`, { type: 'string', ...keywords(index) }])),
  };
}

describe('patterns that look around take time in proportion to the texts they are held against', () => {
  /** Six thousand states, or so. */
  const WORDS = '(?:\\b\\w+\\b ){1,300}';
  const PROMPTLY_MS = 1_500;
  const taken = <Result>(work: () => Result): Result => {
    const cpuMs = startCpuTimer();
    const result = work();
    expect(cpuMs()).toBeLessThan(PROMPTLY_MS);
    return result;
  };

  test.each<[string, JsonSchema]>([
    ['values', { enum: times(100, (i) => `${i} ${'word '.repeat(99)}`), pattern: WORDS }],
    ['a long value', { const: 'word '.repeat(2_000), pattern: WORDS }],
    [
      'names',
      {
        type: 'object',
        properties: Object.fromEntries(times(100, (i) => [`${i} ${'word '.repeat(99)}`, {}])),
        patternProperties: { [WORDS]: true },
      },
    ],
  ])('%s of a schema', (_, schema) => {
    expect(taken(() => refusalOf({ kind: 'json', schema }))).toBeUndefined();
  });

  test('answers', () => {
    const schema = compiled({ kind: 'json', schema: { type: 'string', pattern: `^${WORDS}$` } });
    const whole = compiled({ kind: 'regex', pattern: WORDS });
    const long = 'word '.repeat(20_000);
    expect(taken(() => schema.problemOf(JSON.stringify('word '.repeat(300))))).toBeUndefined();
    expect(taken(() => schema.problemOf(JSON.stringify(long)))).toMatch('must match pattern');
    expect(taken(() => whole.problemOf(long))).toBe('The model gave a text that the pattern does not match');
  });

  test('where no automaton follows them, values are refused beyond a number of steps, and so is what no answer could be held against', () => {
    const tangled = '(?:(?=.*a.{12}b)[ab]|(?!.*b.{11}c)c)+';
    const values = (length: number) => times(30, (i) => `${i}${'abc'.repeat(length)}`);
    expect(taken(() => refusalOf({ kind: 'json', schema: { enum: values(10), pattern: tangled } }))).toBeUndefined();
    expect(taken(() => refusalOf({ kind: 'json', schema: { enum: values(5_000), pattern: tangled } }))).toMatch(
      'too complex, taken together',
    );
    const limited = '(?=.{1,2530}$)(?:\\b\\w{1,9}\\b ){1,100}';
    expect(taken(() => refusalOf({ kind: 'regex', pattern: limited }))).toMatch('Pattern too complex');
  });

  test('an answer too long to be held against a pattern fails for that', () => {
    const limit = '(?=.{1,253}$)(?:(?=[a-z0-9]{1,63}(?:\\.|$))[a-z0-9]+(?:\\.|$)){1,8}';
    const { problemOf } = compiled({ kind: 'regex', pattern: limit });
    expect(problemOf('example.org')).toBeUndefined();
    expect(taken(() => problemOf('a'.repeat(16_384)))).toBe('The model gave a text that the pattern does not match');
    expect(taken(() => problemOf('a'.repeat(1_000_000)))).toBe(
      'The model gave a text too long to be held against the pattern',
    );
  });
});

describe('hostile choices', () => {
  test('each the beginning of the next: they nest in no way that the engine follows by recursion', async () => {
    const choices = Array.from({ length: 600 }, (_, index) => 'a'.repeat(index + 1));
    const isAccepted = await acceptorOf(compiled({ kind: 'choice', choices }).gbnf);
    expect(['a', 'a'.repeat(600), 'a'.repeat(601), ''].map(isAccepted)).toEqual([true, true, false, false]);
  });

  test('of one very long text', async () => {
    const long = 'x'.repeat(100_000);
    const isAccepted = await acceptorOf(compiled({ kind: 'choice', choices: [long, 'y'] }).gbnf);
    expect([isAccepted(long), isAccepted(long.slice(1)), isAccepted('y')]).toEqual([true, false, true]);
  });

  test('of more text than a grammar may have are refused', () => {
    const choices = Array.from({ length: 300 }, (_, index) => `${index} ${'é'.repeat(1_000)}`);
    expect(refusalOf({ kind: 'choice', choices })).toMatch('too large to be enforced');
  });

  test('of more text than is looked at are refused at once', () => {
    expect(refusalOf({ kind: 'choice', choices: ['x'.repeat(5_000_000), 'y'] })).toMatch(
      'more than 1000000 characters',
    );
  });

  test('that look like grammar, or like keys of an object, are only texts', async () => {
    const choices = ['" | [a-z]', '\\x41', '__proto__', 'constructor', '# comment', '\n::='];
    const isAccepted = await acceptorOf(compiled({ kind: 'choice', choices }).gbnf);
    expect(choices.filter((choice) => !isAccepted(choice))).toEqual([]);
    expect(['z', 'A', 'toString'].filter(isAccepted)).toEqual([]);
  });
});
