import { expect, test } from 'vitest';
import { readPage, readRepositoryFile } from './markdown-page.ts';

test('the unit has each line that the page about operating shows of it', () => {
  const unit = readRepositoryFile('deploy/steadytext-worker.service').split('\n');
  const shown = readPage('docs/operating.md').blocks.find(({ language }) => language === 'ini')?.text ?? '';
  expect(shown).toContain('ExecStart=');
  expect(shown.split('\n').filter((line) => !unit.includes(line))).toEqual([]);
});
