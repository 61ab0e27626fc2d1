import { systemClock } from '../../core/clock.ts';
import { daemonConfig } from '../../daemon/config.ts';
import type { Queryable } from '../../db/query.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { createJobsTable } from '../../embeddings/jobs/create-jobs-table.ts';
import { workerConfig } from '../../worker/config.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { keepVectorsInStep } from '../demo/embedding-steps.ts';
import { findGenerator, type Generator, generateText, skipGeneration } from '../demo/generate-steps.ts';
import { createNarrator, type DemoStep } from '../demo/narrator.ts';
import {
  cancelRequest,
  hitCache,
  orderByPriority,
  retryRequest,
  showStatistics,
  waitInOneTransaction,
} from '../demo/queue-steps.ts';
import { answerQuestions, embedDocuments, rerankAnswers } from '../demo/search-steps.ts';
import { buildIndex } from '../demo/task-steps.ts';
import { type EmbeddedHints, openEmbeddedDatabase } from '../embedded-database.ts';
import { EXIT } from '../exit.ts';
import { openDaemon, type RunningDaemon } from '../open-daemon.ts';
import { openWorker } from '../open-worker.ts';
import { wrap } from '../render-table.ts';
import { renderAge } from '../render-units.ts';
import { withSession } from '../with-session.ts';

const stepsWith = (generator: Generator, db: Queryable): readonly DemoStep[] => [
  embedDocuments,
  answerQuestions,
  rerankAnswers,
  'name' in generator ? generateText(generator.name) : skipGeneration(generator),
  keepVectorsInStep(db),
  buildIndex,
  waitInOneTransaction,
  cancelRequest,
  retryRequest,
  hitCache,
  orderByPriority,
  showStatistics,
];

const HINTS: EmbeddedHints = {
  EMBEDDED_MISSING:
    'Install without --omit=optional, on Linux or macOS. With a database of your own: "lamplighter up --uri URI".',
};

const JOBS_TABLE = { schema: 'public', table: 'jobs' };

const ABOUT =
  'Lamplighter: SQL in the background, AI requests, and vectors that follow their texts. This is a demonstration on a ' +
  'PostgreSQL of its own.';

const ABOUT_MODELS =
  'The model here is builtin/lexical. It needs no download, and compares words and groups of letters, not meanings. ' +
  '"lamplighter models pull" fetches models that compare meanings.';

export const demoCommand: CliCommand = {
  name: 'demo',
  summary: 'show everything on a temporary PostgreSQL',
  details:
    'Starts an embedded PostgreSQL in a temporary folder, a worker and an embedding daemon, shows step by step what they can do, with the statements that ' +
    'do it, and removes everything. Needs no server, no download and no configuration. It generates text if there is a model for it: ' +
    'the one that LAMPLIGHTER_DEMO_GGUF names, or the recommended one if it was pulled.',
  options: [],
  examples: [{ command: 'lamplighter demo', does: 'takes a few seconds' }],
  logLevel: 'error',
  async run(invocation) {
    const { terminal, interruption } = invocation;
    const { style } = terminal;
    const startedMs = systemClock.nowMs();
    const sinceStart = () => renderAge(systemClock.nowMs() - startedMs);
    try {
      await showAll(invocation, sinceStart);
    } finally {
      if (interruption.first.aborted) terminal.printError('Stopped. Nothing is left behind.');
    }
    terminal.print(`\n${style.green('Done')} in ${sinceStart()}; the server is stopped and its folder removed.`);
    terminal.print('Next: "npx lamplighter up" starts such a server and keeps its data.');
    terminal.print('For a database of yours see docs/getting-started.md.');
    return EXIT.done;
  },
};

async function showAll(invocation: Invocation, sinceStart: () => string): Promise<void> {
  const { env, providers, terminal, interruption } = invocation;
  const { style } = terminal;
  const [title = '', ...more] = wrap(ABOUT, Math.min(terminal.columns, 100));
  terminal.print(title.replace('Lamplighter', style.bold));
  for (const line of [...more, '']) terminal.print(line);
  const generator = await findGenerator(env, providers);
  terminal.print('   Starting PostgreSQL');
  const { server, settings } = await openEmbeddedDatabase(
    invocation,
    // Nothing here has to survive a power cut.
    { persistent: false, settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } },
    HINTS,
  );
  try {
    terminal.print(`   PostgreSQL with the schema on ${settings.host}:${settings.port}, in ${server.dataDir}`);
    // A quick heartbeat, so that the statistics at the end are of this moment.
    const worker = await openWorker(invocation, {
      settings,
      ...workerConfig.resolve({
        flags: { heartbeat: '200ms', generateModel: 'name' in generator ? generator.name : undefined },
      }),
    });
    let daemon: RunningDaemon | undefined;
    try {
      await withSession(invocation, settings, (session) =>
        runInTransaction(session, (transaction) => createJobsTable(transaction, JOBS_TABLE)),
      );
      daemon = await openDaemon(invocation, {
        settings,
        config: daemonConfig.parse({ ...JOBS_TABLE, pollIntervalMs: 50 }),
      });
      terminal.print(`   A worker and an embedding daemon in this process, ready after ${sinceStart()}`);
      for (const line of wrap(ABOUT_MODELS, Math.min(terminal.columns, 100) - 3)) terminal.print(`   ${line}`);
      await withSession(invocation, settings, async (session) => {
        const narrator = createNarrator(session, { terminal });
        for (const step of stepsWith(generator, session)) await step(narrator);
      });
    } finally {
      await daemon?.stop({ isImmediate: interruption.first.aborted });
      await worker.stop({ isImmediate: interruption.first.aborted });
    }
  } finally {
    await server.stop();
  }
}
