import type { CliCommand } from '../cli-command.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { DAEMON_FLAGS, daemonConfigOf, LANTERN_FLAGS } from '../daemon-options.ts';
import { openDaemon } from '../open-daemon.ts';
import { runService } from '../run-service.ts';
import { HTTP_OPTION, withProbes } from '../with-probes.ts';

export const startDaemonCommand: CliCommand = {
  name: 'start-daemon',
  summary: 'keep vectors in step with columns of texts until stopped',
  details:
    'Reads the table of embedding jobs, fills the columns that they name with vectors, and then embeds inserted and changed rows. ' +
    'New, changed, cancelled and deleted jobs take effect within a second. Start as many daemons as you like, on any host: ' +
    'they share the work. On SIGTERM or Ctrl-C it finishes its batches; a second signal hands them back at once.',
  options: [...CONNECTION_OPTIONS, ...DAEMON_FLAGS, HTTP_OPTION],
  refusedFlags: LANTERN_FLAGS,
  examples: [
    {
      command: "lamplighter start-daemon --uri 'postgresql://postgres@localhost:5432/postgres' --table jobs",
      does: 'the jobs in public.jobs',
    },
    { command: 'lamplighter start-daemon --schema app --table embedding_jobs --label gpu', does: 'those with a label' },
    { command: 'lamplighter start-daemon --max-load 0.25', does: 'backfill gently' },
  ],
  logLevel: 'info',
  isService: true,
  async run(invocation) {
    const setup = { settings: connectionOf(invocation), config: daemonConfigOf(invocation) };
    return withProbes(invocation, async (watch) => {
      const daemon = await openDaemon(invocation, setup);
      watch(daemon.vitals);
      return runService(invocation, daemon);
    });
  },
};
