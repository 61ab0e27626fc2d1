import type { Client } from '../../client/client.ts';
import { createClient } from '../../client/create-client.ts';
import { LamplighterError } from '../../core/errors.ts';
import { toPrintable } from '../../core/printable.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, textOf } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { readTextFile } from '../read-text-file.ts';
import { renderAge } from '../render-units.ts';
import { followTask } from '../tasks/follow-task.ts';

const NAME: CliOption = { flag: 'name', argument: 'name', describes: 'a name to find it by' };
const FILE: CliOption = { flag: 'file', argument: 'path', describes: 'read the text from a file; - is standard input' };
const WAIT: CliOption = { flag: 'wait', describes: 'show how it goes, and end when it does' };

export const taskRunCommand: CliCommand = {
  name: 'task run',
  summary: 'run SQL in the background',
  details:
    'Queues SQL, one statement or several, which a worker runs as the role that you are logged in as. With --wait it shows the progress, ' +
    'the remaining time and blocking sessions, and exits with 0 if the task succeeds. Ctrl-C asks whether to cancel it.',
  options: [...CONNECTION_OPTIONS, NAME, FILE, WAIT, JSON_OPTION],
  argument: { name: 'sql', describes: 'the text; or use --file' },
  examples: [
    {
      command: "lamplighter task run --wait 'CREATE INDEX CONCURRENTLY ON orders (customer)'",
      does: 'build an index and watch it',
    },
    { command: 'lamplighter task run --name refresh --file refresh.sql', does: 'queue what is in a file' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const text = readText(invocation);
    return withClient(invocation, async (client) => {
      const jobid = await client.tasks.run(text, { name: textOf(invocation, NAME) });
      if (!isOn(invocation, WAIT)) {
        if (isOn(invocation, JSON_OPTION)) invocation.terminal.print(JSON.stringify({ jobid }));
        else invocation.terminal.print(`Task ${jobid} is queued. To look at it: lamplighter task show ${jobid}`);
        return EXIT.done;
      }
      if (!isOn(invocation, JSON_OPTION)) invocation.terminal.printError(`Task ${jobid} is queued.`);
      return waitFor(invocation, client, jobid);
    });
  },
};

async function waitFor(
  invocation: Invocation,
  client: Parameters<typeof followTask>[1],
  jobid: number,
): Promise<ExitCode> {
  const { terminal } = invocation;
  const { code, task } = await followTask(invocation, client, jobid);
  if (task === undefined) return code;
  if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(task));
  else if (task.state === 'succeeded') {
    const ran = task.runMs === undefined ? '' : ` in ${renderAge(task.runMs)}`;
    const tag = task.commandTag === undefined ? '' : `: ${toPrintable(task.commandTag)}`;
    terminal.print(`${terminal.style.green('Succeeded')}${ran}${tag}`);
  } else if (task.state === 'failed' || task.state === 'canceled') {
    terminal.printError(
      terminal.errorStyle.red(`Task ${jobid} ${task.state === 'failed' ? 'failed' : 'was canceled'}:`),
    );
    for (const line of (task.errorMessage ?? '').trimEnd().split('\n')) terminal.printError(toPrintable(line));
  }
  return code;
}

function readText(invocation: Invocation): string {
  const file = textOf(invocation, FILE);
  const [text] = invocation.args;
  if ((text === undefined) === (file === undefined)) {
    throw new LamplighterError('USAGE', 'expected the SQL either as an argument or with --file', {
      hint: '"lamplighter task run --help" shows examples.',
    });
  }
  return file === undefined ? (text ?? '') : readTextFile(file, '--file');
}

/** Opens a client for the time of `work`. */
async function withClient<T>(invocation: Invocation, work: (client: Client) => Promise<T>): Promise<T> {
  const client = createClient({ settings: connectionOf(invocation), log: invocation.log });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
