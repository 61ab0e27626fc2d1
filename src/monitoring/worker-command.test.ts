import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { workerCommandFor } from './worker-command.ts';

test('an ordinary name stands as it is', () => {
  const model = 'sentence-transformers/all-MiniLM-L6-v2';
  expect(workerCommandFor('embed', model, false)).toBe(`lamplighter worker --embed-model ${model}`);
});

test.each([
  'a model; touch /tmp/owned',
  '$(touch /tmp/owned)',
  '`touch /tmp/owned`',
  `it's "quoted" \\ & | < > * ~ # {a,b}`,
  '~',
  '',
])('to a shell the name %j is a name and no more', (model) => {
  const command = workerCommandFor('generate', model, false).replace(/^lamplighter /, '');
  const printed = execFileSync('/bin/sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' });
  expect(printed).toBe(`worker\n--generate-model\n${model}\n`);
});

test.each(['a\ntouch /tmp/owned', 'a\rb', 'a\u001b[2Jb', 'a\u202eb', '--config=/tmp/owned'])(
  'the name %j is left open: no quotes hold it',
  (model) => {
    expect(workerCommandFor('generate', model, false)).toBe('lamplighter worker --generate-model MODEL');
  },
);
