import type { CliCommand } from '../cli-command.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { openWorker } from '../open-worker.ts';
import { runService } from '../run-service.ts';
import { TASK_LOGIN_OPTIONS } from '../task-login-options.ts';
import { HTTP_OPTION, withProbes } from '../with-probes.ts';
import { WORKER_FLAGS, workerConfigOf } from '../worker-options.ts';

export const workerCommand: CliCommand = {
  name: 'worker',
  summary: 'answer requests and run tasks until stopped',
  details:
    'Answers the requests in the queue and runs async tasks until it is stopped. Start as many as you like, on any host. SIGTERM or Ctrl-C lets it ' +
    'finish its work, and a second signal hands unfinished work back at once. It logs text on a terminal and JSON otherwise.',
  options: [...CONNECTION_OPTIONS, ...WORKER_FLAGS, ...TASK_LOGIN_OPTIONS, HTTP_OPTION],
  examples: [
    { command: 'lamplighter worker', does: 'the database in DATABASE_URL' },
    { command: 'lamplighter worker --concurrency 8 --retention 7d', does: 'more at once; delete answers after a week' },
    { command: 'lamplighter worker --functions embed', does: 'embeddings, and tasks' },
    { command: 'lamplighter worker --task-concurrency 0', does: 'requests only' },
    {
      command: 'lamplighter worker --task-roles /etc/lamplighter/task-roles',
      does: 'with the logins of the roles whose tasks it runs',
    },
  ],
  logLevel: 'info',
  isService: true,
  async run(invocation) {
    const settings = connectionOf(invocation);
    const config = workerConfigOf(invocation);
    return withProbes(invocation, async (watch) => {
      const worker = await openWorker(invocation, { settings, ...config });
      watch(worker.vitals);
      return runService(invocation, worker);
    });
  },
};
