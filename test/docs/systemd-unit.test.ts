import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readPage, readRepositoryFile } from './markdown-page.ts';

test('the unit has each line that the page about operating shows of it', () => {
  const unit = readRepositoryFile('deploy/steadytext-worker.service').split('\n');
  const shown = readPage('docs/operating.md').blocks.find(({ language }) => language === 'ini')?.text ?? '';
  expect(shown).toContain('ExecStart=');
  expect(shown.split('\n').filter((line) => !unit.includes(line))).toEqual([]);
});

/** What `systemd-analyze` says of the unit, without a running systemd; undefined where it is not installed. */
function analyze(...args: string[]): { status: number | null; text: string } | undefined {
  const { error, status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return error === undefined ? { status, text: stdout + stderr } : undefined;
}

const UNIT = 'deploy/steadytext-worker.service';

test.skipIf(analyze('--version') === undefined)('systemd takes the unit, and rates it exposed no more than 2.0', () => {
  expect(analyze('verify', UNIT)).toEqual({ status: 0, text: '' });
  expect(analyze('security', '--offline=true', '--threshold=20', UNIT)).toMatchObject({ status: 0 });
});
