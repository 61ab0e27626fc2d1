import { describe, expect, test } from 'vitest';
import { GrammarTooLarge, Refused } from '../output-grammar.ts';
import {
  alternatives,
  characterClass,
  EMPTY,
  type Expression,
  literal,
  NEVER,
  optional,
  repeat,
  ruleRef,
  sequence,
} from './expression.ts';
import { printGrammar } from './print-grammar.ts';

const LETTER = characterClass([[0x61, 0x7a]]);

function print(root: Expression, others: Readonly<Record<string, Expression>> = {}): string {
  return printGrammar(new Map([...Object.entries(others), ['root', root]]));
}

describe('a printed grammar', () => {
  test('groups what an operator or a neighbour would take apart', () => {
    const either = alternatives([literal('a'), literal('b')]);
    expect(
      print(sequence(either, repeat(sequence(either, LETTER), 0, undefined), optional(repeat(LETTER, 2, 3)))),
    ).toBe('root ::= ("a" | "b") (("a" | "b") [a-z])* ([a-z]{2,3})?\n');
  });

  test('is ASCII, with everything but letters and digits escaped in classes', () => {
    const set = characterClass([
      [0x5b, 0x5e],
      [0x2d, 0x2d],
      [0x1f600, 0x1f64f],
    ]);
    expect(print(sequence(literal('"\\\n\té😀'), set))).toBe(
      'root ::= "\\x22\\x5C\\x0A\\x09\\xE9\\U0001F600" [\\x2D\\x5B-\\x5E\\U0001F600-\\U0001F64F]\n',
    );
  });

  test('keeps an empty option, which must not swallow the next line', () => {
    expect(print(sequence(ruleRef('r'), literal('!')), { r: alternatives([LETTER, EMPTY]) })).toBe(
      'root ::= r "!"\nr ::= [a-z] | ""\n',
    );
  });

  test('begins with root and has only what root needs', () => {
    expect(print(ruleRef('used'), { unused: LETTER, used: LETTER })).toBe('root ::= used\nused ::= [a-z]\n');
  });

  test('drops options that can never be complete', () => {
    const endless = sequence(literal('x'), ruleRef('endless'));
    expect(print(alternatives([ruleRef('endless'), LETTER]), { endless, never: NEVER })).toBe('root ::= [a-z]\n');
  });

  test('splits repetitions that the engine would take for unbounded, or refuse', () => {
    expect(print(repeat(LETTER, 0, 2_500))).toBe(
      [
        'root ::= root-2',
        'root-1 ::= [a-z]{0,999} | [a-z]{1000} [a-z]{0,500}',
        'root-2 ::= [a-z]{0,999} | [a-z]{1000} root-1\n',
      ].join('\n'),
    );
    expect(print(repeat(LETTER, 2_100, 2_101))).toBe('root ::= [a-z]{1000} [a-z]{1000} [a-z]{100} [a-z]?\n');
    expect(print(repeat(LETTER, 1_001, undefined))).toBe('root ::= [a-z]{1000} [a-z] [a-z]*\n');
  });

  test('gives a repetition of repetitions a rule of its own where the engine multiplies them', () => {
    expect(print(repeat(sequence(repeat(LETTER, 0, 100), literal(' ')), 0, 100))).toBe(
      'root ::= root-1{0,100}\nroot-1 ::= [a-z]{0,100} " "\n',
    );
  });
});

describe('a grammar is refused', () => {
  test('when nothing matches', () => {
    expect(() => print(NEVER)).toThrow(Refused);
    expect(() => print(ruleRef('a'), { a: sequence(literal('('), ruleRef('a')) })).toThrow('No text at all');
  });

  test('when a rule reaches itself with nothing in between', () => {
    const a = alternatives([sequence(optional(literal('-')), ruleRef('b')), LETTER]);
    expect(() => print(ruleRef('a'), { a, b: ruleRef('a') })).toThrow('refers to itself');
  });

  test('before a repetition of repetitions is written out', () => {
    const bomb = repeat(repeat(repeat(literal('a'), 1_000, 1_000), 1_000, 1_000), 1_000, 1_000);
    expect(() => print(bomb)).toThrow(GrammarTooLarge);
  });

  test('when it is nested too deeply', () => {
    let nested: Expression = LETTER;
    for (let i = 0; i < 10_000; i += 1) nested = sequence(literal('('), optional(nested));
    expect(() => print(nested)).toThrow(GrammarTooLarge);
  });

  test('when the engine would walk exponentially many ways to the first character', () => {
    const rules: Record<string, Expression> = { r0: LETTER };
    for (let i = 1; i < 40; i += 1) {
      const next = ruleRef(`r${i - 1}`);
      rules[`r${i}`] = alternatives([next, sequence(next, literal('x'))]);
    }
    expect(() => print(ruleRef('r39'), rules)).toThrow('too many different beginnings');
  });

  test('when rules begin with one another in a long chain', () => {
    const rules: Record<string, Expression> = { r0: LETTER };
    for (let i = 1; i <= 20_000; i += 1) rules[`r${i}`] = sequence(ruleRef(`r${i - 1}`), literal('x'));
    expect(() => print(ruleRef('r20000'), rules)).toThrow(GrammarTooLarge);
  });

  test('when such a chain is met from its end first, piece by piece', () => {
    const rules: Record<string, Expression> = { r0: LETTER };
    for (let i = 1; i <= 2_000; i += 1) rules[`r${i}`] = sequence(ruleRef(`r${i - 1}`), literal('x'));
    const pieces = [400, 800, 1_200, 1_600, 2_000].map((i) => sequence(literal('>'), ruleRef(`r${i}`)));
    expect(() => print(alternatives(pieces), rules)).toThrow('too many different beginnings');
  });

  test('as a fault of the caller when it repeats what may be empty, or names what is not there', () => {
    expect(() => print(repeat(optional(LETTER), 0, undefined))).toThrow('repeats without bound');
    expect(() => print(ruleRef('missing'))).toThrow('which is not there');
  });
});
