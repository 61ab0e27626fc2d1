import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../core/errors.ts';
import { parseResult } from './request-result.ts';
import { readCompletedId } from './waiting/shared-listener.ts';

test.each([
  ['generate', 'a text', 'a text'],
  ['generate_choice', '["no", 1]', '["no", 1]'],
  ['generate_json', '{"a": [1]}', { a: [1] }],
  ['generate_json', '[9007199254740993, 1e21, 0.5, 1e23]', [9007199254740993n, 1e21, 0.5, 1e23]],
  [
    'generate_json',
    '{"a": -18446744073709551615, "b": 3.14159265358979323846}',
    { a: -18446744073709551615n, b: Math.PI },
  ],
  ['embed', '[0.1,-1e-7]', Float32Array.of(0.1, -1e-7)],
  [
    'rerank',
    '[["b", 0.95], ["a", 0]]',
    [
      { document: 'b', score: 0.95 },
      { document: 'a', score: 0 },
    ],
  ],
])('the result of %s has its type', (functionName, text, expected) => {
  expect(parseResult(functionName, text)).toEqual(expected);
});

test.each([
  ['generate', null],
  ['generate_json', '{'],
  ['embed', '[1, null]'],
  ['embed', '{}'],
  ['rerank', '[["b"]]'],
  ['rerank', '["ab"]'],
])('a result of %s that somebody has spoilt is an error: %s', (functionName, text) => {
  expect(() => parseResult(functionName, text)).toThrow(expect.objectContaining({ code: 'REQUEST_FAILED' }));
});

test.each(['', 'null', '[]', '{"request_id": 1}', '{"request_id": {"a": "b"}}', `${'['.repeat(4_000)}`, 'not json'])(
  'an event that names no request names none: %s',
  (payload) => {
    expect(readCompletedId(payload)).toBeUndefined();
  },
);

test('a result of any text is read or refused with a code', () => {
  const text = fc.oneof(
    fc.json(),
    fc.string(),
    fc.constantFrom('['.repeat(500), '[1e400]', '1e999999999', '-1e-999999999', '[[]]', '[["a"]]'),
  );
  fc.assert(
    fc.property(fc.constantFrom('embed', 'rerank', 'generate_json', 'generate'), text, (functionName, result) => {
      try {
        parseResult(functionName, result);
      } catch (error) {
        if (!hasCode(error, 'REQUEST_FAILED')) throw error;
      }
    }),
    { numRuns: 300 },
  );
});
