import { expect, test } from 'vitest';
import { unicodeProperty } from './unicode-property.ts';

test.each(['L', 'Nd', 'Script=Greek', 'Emoji', 'Any'])('%s is what V8 says of each character', (name) => {
  const set = unicodeProperty(name) ?? [];
  const one = new RegExp(`^\\p{${name}}$`, 'u');
  const wrong: number[] = [];
  let index = 0;
  // Every 7th character: coprime to the sizes of blocks, so that all kinds of borders are met.
  for (let point = 1; point <= 0x10ffff; point += 7) {
    if (point >= 0xd800 && point <= 0xdfff) continue;
    while ((set[index]?.[1] ?? Number.POSITIVE_INFINITY) < point) index += 1;
    const isIn = (set[index]?.[0] ?? Number.POSITIVE_INFINITY) <= point;
    if (isIn !== one.test(String.fromCodePoint(point))) wrong.push(point);
  }
  expect(wrong).toEqual([]);
});

test('a name that is none, or more than a name, is unknown', () => {
  expect(unicodeProperty('Nonsense')).toBeUndefined();
  expect(unicodeProperty('L}|(a+)+$|\\p{L')).toBeUndefined();
});
