import fc from 'fast-check';
import { expect, test } from 'vitest';
import { repeatedName } from './instance-check.ts';

test('a name is repeated only within one object, however it is spelled', () => {
  expect(repeatedName('{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}')).toBeUndefined();
  expect(repeatedName('{"a":1,"b":{"c":2,"c":3}}')).toBe('c');
  expect(repeatedName('[{"x":"a"},{"a":{"a":1},"b":"a","a":1}]')).toBe('a');
  expect(repeatedName('{"a\\"":1, "a\\u0022" : 2}')).toBe('a"');
  expect(repeatedName('{"a":"a\\\\","b":"b:{"}')).toBeUndefined();
  expect(repeatedName('"a:{}"')).toBeUndefined();
});

test('no value of JavaScript has one', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => repeatedName(JSON.stringify(value, undefined, 1)) === undefined));
});
