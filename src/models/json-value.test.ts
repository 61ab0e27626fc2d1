import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson, isNestedWithin, MAX_JSON_DEPTH } from './json-value.ts';

function reversedKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversedKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, child]) => [key, reversedKeys(child)]),
  );
}

test('the order of keys makes no difference, everything else does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const plain = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(canonicalJson(plain))).toEqual(plain);
    }),
  );
  const schema = { type: 'object', properties: { b: { type: 'string' }, a: [1, { y: 1, x: null }] } };
  expect(canonicalJson(reversedKeys(schema) as typeof schema)).toBe(canonicalJson(schema));
  expect(canonicalJson(JSON.parse('{"b": 1, "__proto__": {"c": 2}}'))).toBe('{"__proto__":{"c":2},"b":1}');
});

test('values nested too deeply are told apart without overflowing the stack', () => {
  const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);
  expect(isNestedWithin(nested(MAX_JSON_DEPTH))).toBe(true);
  expect(isNestedWithin(nested(MAX_JSON_DEPTH + 1))).toBe(false);
  expect(isNestedWithin(nested(5_000))).toBe(false);
});
