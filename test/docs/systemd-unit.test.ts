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

const UNITS = ['deploy/steadytext-worker.service', 'deploy/lamplighter-daemon.service'];

test.skipIf(analyze('--version') === undefined).each(UNITS)(
  'systemd takes %s, and rates it exposed no more than 2.0',
  (unit) => {
    expect(analyze('verify', unit)).toEqual({ status: 0, text: '' });
    expect(analyze('security', '--offline=true', '--threshold=20', unit)).toMatchObject({ status: 0 });
  },
);

/** From the section on, without comments. */
const settingsOf = (unit: string) =>
  readRepositoryFile(unit)
    .split('\n')
    .filter((line) => /^\w+=/.test(line));

test('the unit of the daemon is that of the worker but for names', () => {
  const [worker, daemon] = UNITS.map(settingsOf);
  const renamed = worker?.map((line) =>
    line
      .replace('Lamplighter worker', 'Lamplighter embedding daemon')
      .replace('/usr/bin/env steadytext-worker', '/usr/bin/env lamplighter start-daemon')
      .replaceAll('steadytext-worker', 'lamplighter-daemon'),
  );
  expect(daemon).toEqual(renamed);
});

test.each(UNITS)('%s lets Node compile at run time', (unit) => {
  expect(settingsOf(unit).filter((line) => line.startsWith('MemoryDenyWriteExecute'))).toEqual([]);
});
