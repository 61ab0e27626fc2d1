import { expect, test } from 'vitest';
import { layOutJson } from './json-text.ts';

function laidOut(text: string): string | undefined {
  return layOutJson(text)
    ?.map((piece) => piece.text)
    .join('');
}

test('numbers and strings stay as they were written', () => {
  expect(laidOut('{"id":12345678901234567890,"x":1.50e+3,"s":"a\\u00e9\\"b: , {"}')).toBe(
    '{\n  "id": 12345678901234567890,\n  "x": 1.50e+3,\n  "s": "a\\u00e9\\"b: , {"\n}',
  );
});

test('empty objects and lists stay on their line', () => {
  expect(laidOut('{"a":[],"b":{},"c":[1,[true,null]]}')).toBe(
    '{\n  "a": [],\n  "b": {},\n  "c": [\n    1,\n    [\n      true,\n      null\n    ]\n  ]\n}',
  );
});

test('a text that is not JSON, or was cut, is left alone', () => {
  expect(layOutJson('{"a": 1')).toBeUndefined();
  expect(layOutJson('plain words')).toBeUndefined();
});

test('keys are told from strings', () => {
  expect(layOutJson('{"a":"a"}')?.filter(({ text }) => text === '"a"')).toEqual([
    { kind: 'key', text: '"a"' },
    { kind: 'string', text: '"a"' },
  ]);
});
