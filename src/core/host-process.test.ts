import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { HOST_PREFIX, HOST_PROCESS, hasEnded } from './host-process.ts';

function hostProcessOf(child: ChildProcess): string {
  const text = readFileSync(`/proc/${child.pid}/stat`, 'utf8');
  return `${HOST_PREFIX} ${child.pid} ${text.slice(text.lastIndexOf(')') + 2).split(' ')[19]}`;
}

describe.runIf(process.platform === 'linux')('whether a process has ended', () => {
  it('is not so for this one', () => {
    expect(hasEnded(HOST_PROCESS ?? '')).toBe(false);
  });

  it('is told from SIGKILL on, and not while it is stopped', async () => {
    const child = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(child, 'spawn');
    const known = hostProcessOf(child);
    child.kill('SIGSTOP');
    expect(hasEnded(known)).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(hasEnded(known)).toBe(true);
  });

  it('is told of one whose pid another has by now', () => {
    expect(hasEnded(`${HOST_PREFIX} ${process.pid} 1`)).toBe(true);
  });

  it.each([
    `00000000-0000-0000-0000-000000000000 pid:[1] 4194304 1`,
    `${HOST_PREFIX?.split(' ')[0]} pid:[1] 4194304 1`,
    '',
  ])('cannot be told of another boot or namespace: %s', (known) => {
    expect(hasEnded(known)).toBe(false);
  });
});
