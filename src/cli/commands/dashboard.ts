import { LamplighterError } from '../../core/errors.ts';
import { ALL_RIGHTS, type Authorise } from '../../dashboard/access.ts';
import { describeConnection } from '../../db/connection-text.ts';
import type { CliCommand } from '../cli-command.ts';
import { type CliOption, isOn, listOf, readOption } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { type ListenAddress, readListenAddress } from '../dashboard/listen-address.ts';
import { serveDashboard } from '../dashboard/serve-dashboard.ts';
import { runService } from '../run-service.ts';

const LISTEN: CliOption = {
  flag: 'listen',
  argument: 'address',
  describes: 'where to listen',
  defaultText: '127.0.0.1:4600',
};
const READ_ONLY: CliOption = { flag: 'read-only', describes: 'change nothing, whoever asks' };
const ALLOW_HOST: CliOption = {
  flag: 'allow-host',
  argument: 'name',
  isRepeatable: true,
  describes: 'a name under which browsers may ask for it, beside localhost, this machine and addresses',
};
const DEFAULT_ADDRESS: ListenAddress = { host: '127.0.0.1', port: 4_600, isLoopback: true };

export const dashboardCommand: CliCommand = {
  name: 'dashboard',
  summary: 'show requests, tasks, embedding jobs and workers as a page',
  details:
    'Serves a page that shows what is queued, running and wrong, and lets you retry, cancel, delete, pause and resume. It sees and does what the ' +
    'role of the connection may: the owner of the schema all, others their own. Without --auth-basic-file it listens on loopback only.',
  options: [...CONNECTION_OPTIONS, LISTEN, READ_ONLY, ALLOW_HOST],
  examples: [
    { command: 'lamplighter dashboard', does: 'at http://127.0.0.1:4600' },
    { command: 'lamplighter dashboard --read-only --listen 127.0.0.1:8080', does: 'only to look, elsewhere' },
  ],
  logLevel: 'info',
  async run(invocation) {
    const address = readOption(invocation, LISTEN, readListenAddress) ?? DEFAULT_ADDRESS;
    if (!address.isLoopback) {
      throw new LamplighterError(
        'USAGE',
        `--listen ${address.host}:${address.port} lets other machines in, and nothing says who may come`,
        {
          hint: 'Add --auth-basic-file FILE, or listen on 127.0.0.1 behind a proxy that asks who comes.',
        },
      );
    }
    const settings = connectionOf(invocation);
    const authorise: Authorise = () => ({ rights: ALL_RIGHTS });
    const dashboard = await serveDashboard(invocation, {
      settings,
      address,
      authorise,
      isReadOnly: isOn(invocation, READ_ONLY),
      allowedHosts: listOf(invocation, ALLOW_HOST),
      programSettings: [],
    });
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
