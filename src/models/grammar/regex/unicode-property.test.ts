import { expect, test } from 'vitest';
import { unicodeProperty } from './unicode-property.ts';

test.each(['L', 'Nd', 'Script=Greek', 'Emoji', 'Any'])('%s is what V8 says of each character', (name) => {
  const set = unicodeProperty(name) ?? [];
  const one = new RegExp(`^\\p{${name}}$`, 'u');
  // Every 7th character: coprime to the sizes of blocks, so that all borders are met by some property.
  const wrong: number[] = [];
  for (let point = 1; point <= 0x10ffff; point += 7) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    const isIn = set.some(([first, last]) => first <= point && point <= last);
    if (isIn !== one.test(String.fromCodePoint(point))) wrong.push(point);
  }
  expect(wrong).toEqual([]);
});

test('a name that is none, or more than a name, is unknown', () => {
  expect(unicodeProperty('Nonsense')).toBeUndefined();
  expect(unicodeProperty('L}|(a+)+$|\\p{L')).toBeUndefined();
});
