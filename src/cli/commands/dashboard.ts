import process from 'node:process';
import { text as readStream } from 'node:stream/consumers';
import { LamplighterError } from '../../core/errors.ts';
import { hashPassword } from '../../dashboard/password-hash.ts';
import { describeConnection } from '../../db/connection/connection-text.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, readOption } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { DASHBOARD_OPTIONS, dashboardAccessOf, listDashboardOptions } from '../dashboard/dashboard-options.ts';
import { DEFAULT_ADDRESS, readListenAddress } from '../dashboard/listen-address.ts';
import { serveDashboard } from '../dashboard/serve-dashboard.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { logStart } from '../log-start.ts';
import { runService } from '../run-service.ts';

const LISTEN: CliOption = {
  flag: 'listen',
  argument: 'address',
  describes: 'where to listen',
  defaultText: '127.0.0.1:4600',
};
const HASH_PASSWORD: CliOption = {
  flag: 'hash-password',
  describes: 'ask for a password, or read it from standard input, print its hash for that file, and end',
};

export const dashboardCommand: CliCommand = {
  name: 'dashboard',
  summary: 'show requests, tasks, embedding jobs and workers as a page',
  details:
    'Serves a page that shows queued, running and failed work, and lets you retry, cancel, delete, pause and resume. It has the rights of the ' +
    'role of its connection: the owner of the schema sees all, other roles their own. Without --auth-basic-file it listens on loopback only.',
  options: [...CONNECTION_OPTIONS, LISTEN, ...DASHBOARD_OPTIONS, HASH_PASSWORD],
  examples: [
    { command: 'lamplighter dashboard', does: 'at http://127.0.0.1:4600' },
    { command: 'lamplighter dashboard --read-only --listen 127.0.0.1:8080', does: 'only to look, elsewhere' },
    { command: 'lamplighter dashboard --listen 0.0.0.0:4600 --auth-basic-file users', does: 'for other machines, too' },
    { command: 'echo "ann:admin+payloads:$(lamplighter dashboard --hash-password)" >> users', does: 'let somebody in' },
  ],
  logLevel: 'info',
  isService: true,
  async run(invocation) {
    if (isOn(invocation, HASH_PASSWORD)) return printHash(invocation);
    const address = readOption(invocation, LISTEN, readListenAddress) ?? DEFAULT_ADDRESS;
    const access = dashboardAccessOf(invocation, address, LISTEN.flag);
    const settings = connectionOf(invocation);
    const { log } = invocation;
    const dashboard = await serveDashboard(invocation, { settings, ...access, programSettings: [] });
    logStart(log, { what: 'the dashboard', settings, options: listDashboardOptions(invocation) });
    invocation.terminal.print(
      `The dashboard of ${describeConnection(settings)} is at ${dashboard.url}. Ctrl-C stops it.`,
    );
    return runService(invocation, {
      died: new Promise(() => undefined),
      workDone: () => [],
      stop: () => dashboard.stop(),
    });
  },
};

async function printHash({ terminal, interruption }: Invocation): Promise<ExitCode> {
  const password = await readPassword(interruption.first);
  if (password === undefined) return EXIT.interrupted;
  if (password.length < 8) {
    throw new LamplighterError('USAGE', 'expected a password of at least 8 characters');
  }
  terminal.print(await hashPassword(password));
  return EXIT.done;
}

/** What the terminal shows while a password is typed goes to standard error: standard output has the hash alone. */
async function readPassword(signal: AbortSignal): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) return (await readStream(process.stdin)).replace(/\r?\n$/, '');
  const prompts = await import('@clack/prompts');
  const answer = await prompts.password({ message: 'Password', output: process.stderr, signal });
  return prompts.isCancel(answer) ? undefined : answer;
}
