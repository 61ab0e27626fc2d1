import { describe, expect, test } from 'vitest';
import {
  ANY_CHARACTER,
  codePointSet,
  codePointsOf,
  complementSet,
  countOf,
  intersectSets,
  subtractSet,
  uniteSets,
} from './code-points.ts';

describe('sets of code points', () => {
  test('join ranges that overlap or touch, in any order', () => {
    expect(
      codePointSet([
        [0x62, 0x64],
        [0x61, 0x61],
        [0x63, 0x70],
      ]),
    ).toEqual([[0x61, 0x70]]);
  });

  test('never hold a zero character or half a surrogate pair', () => {
    expect(codePointSet([[0, 0xffff]])).toEqual([
      [1, 0xd7ff],
      [0xe000, 0xffff],
    ]);
    expect(codePointsOf('\0\ud800')).toEqual([]);
  });

  test('are everything together with their complement', () => {
    const set = codePointsOf('aß😀');
    expect(uniteSets(set, complementSet(set))).toEqual(ANY_CHARACTER);
    expect(intersectSets(set, complementSet(set))).toEqual([]);
    expect(complementSet(ANY_CHARACTER)).toEqual([]);
  });

  test('subtract and count', () => {
    const set = subtractSet(codePointSet([[0x61, 0x7a]]), codePointsOf('ey'));
    expect(set).toEqual([
      [0x61, 0x64],
      [0x66, 0x78],
      [0x7a, 0x7a],
    ]);
    expect(countOf(set)).toBe(24);
  });
});
