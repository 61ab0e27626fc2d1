import { expect, test } from 'vitest';
import { kindOfError } from './conceal-errors.ts';

test.each([
  ['openai/gpt answered 400: the prompt "abc" is bad', 'openai/gpt answered ..'],
  ['ERROR:  invalid input syntax for type integer: "abc"\nLINE 1: select', 'ERROR'],
  ['FEHLER:  Spalte »abc«', 'FEHLER'],
  ['Timed out after 2 min', 'Timed out after .. min'],
  ['http://model:8000/v1 does not answer', '.. does not answer'],
  ['the model "abc" took long', 'the model .. took long'],
  ["the text 'abc is never closed", 'the text ..'],
  ['no request 6f9619ff-8b86-4d01-b42d-00cf4fc964ff is there', 'no request .. is there'],
  ['\n: abc', 'an error'],
  ['', 'an error'],
])('%j is told as %j', (text, kind) => {
  expect(kindOfError(text)).toBe(kind);
});
