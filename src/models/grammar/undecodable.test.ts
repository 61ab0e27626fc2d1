import { expect, test } from 'vitest';
import type { GenerateOutput } from '../port.ts';
import { undecodableIn } from './undecodable.ts';

const item = (output: GenerateOutput, prompt = 'Who?') => ({ prompt, output, maxTokens: 9, seed: 1 });
const JSON_OUTPUT: GenerateOutput = { kind: 'json', schema: { type: 'string' } };

test('lost text in an output is found', () => {
  expect(undecodableIn('"a\ufffdb"', item(JSON_OUTPUT))).toBe('The model gave bytes that are no UTF-8');
  expect(undecodableIn('\ufffd', item({ kind: 'regex', pattern: '.' }))).toBe('The model gave bytes that are no UTF-8');
});

test.each([
  ['no such character', 'é "\\ufffd"', item(JSON_OUTPUT)],
  ['one that the prompt has', 'caf\ufffd', item(JSON_OUTPUT, 'The name in "caf\ufffd au lait"?')],
  ['one that the pattern names', '\ufffd', item({ kind: 'regex', pattern: '\\uFFFD|a' })],
  ['one that the schema has', '"\ufffd"', item({ kind: 'json', schema: { enum: ['\ufffd', 1] } })],
  ['one that is a choice', '\ufffd', item({ kind: 'choice', choices: ['\ufffd', 'b'] })],
])('%s is no loss', (_, text, asked) => {
  expect(undecodableIn(text, asked)).toBeUndefined();
});
