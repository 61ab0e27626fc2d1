import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type SqlTaskWorker, type Stage, type TaskSession } from '../tasks/sql-stage.ts';
import { readPage } from './markdown-page.ts';

const STATES = ['queued', 'running', 'succeeded', 'failed', 'canceled'] as const;
type State = (typeof STATES)[number];

let stage: Stage;
let caller: pg.Client;
beforeAll(async () => {
  stage = await createStage();
  caller = stage.cast.sessions.a;
});
afterAll(() => stage[Symbol.asyncDispose]());

/** A task of the caller; the worker that holds it and its session are there while it runs. */
interface Scene {
  readonly jobid: string;
  readonly worker: SqlTaskWorker;
  readonly task?: Awaited<ReturnType<SqlTaskWorker['claimOne']>>;
  readonly session?: TaskSession;
}

type Step = (scene: Scene) => Promise<unknown>;
const admin = () => stage.cast.database.pool;
const cancel: Step = ({ jobid }) => caller.query('select lantern.cancel_async_task($1)', [jobid]);
const settle = () => stage.cast.sessions.worker.query('select lamplighter.settle_stray_tasks()');
const commit: Step = async ({ session }) => {
  await session?.begin();
  await session?.client.query('commit');
};
const lose: Step = ({ session }) => session?.kill() ?? Promise.resolve();
const finish =
  (status: string): Step =>
  async ({ worker, task }) =>
    task && worker.finish(task, status, { error: 'no' });
const release: Step = async ({ worker, task }) => task && untilGone(() => worker.release(task, { isCharged: true }));
const rescue: Step = async ({ worker }) => {
  await worker.die();
  const other = await stage.startWorker();
  await untilGone(async () => (await other.rescue())[0]?.status ?? 'none');
};

/** A session that was ended is there for a moment longer. */
async function untilGone(work: () => Promise<string | null>): Promise<void> {
  while ((await work()) === 'running');
}

const after =
  (...steps: readonly Step[]): Step =>
  async (scene) => {
    for (const step of steps) await step(scene);
  };
/** For what only the worker can do that holds the task. */
const held =
  (...steps: readonly Step[]): Step =>
  async (scene) => {
    if (scene.task !== undefined) await after(...steps)(scene);
  };
const spent: Step = ({ jobid }) =>
  admin().query('update lamplighter.task_run set charge = 2 where jobid = $1', [jobid]);

/** Everything that can change a state, under the word that the diagram has for it. */
const STEPS: readonly (readonly [word: string, run: Step])[] = [
  ['claim', ({ worker }) => worker.claim()],
  [
    'claim',
    after(
      // As if it had been asked for while the claim was under way.
      ({ jobid }) =>
        admin().query(
          `set session_replication_role = replica;
           insert into lamplighter.task_cancel (run_id) select run_id from lamplighter.task_run where jobid = ${jobid};
           set session_replication_role = origin`,
        ),
      ({ worker }) => worker.claim(),
    ),
  ],
  ['cancel', cancel],
  ['finish', held(commit, finish('succeeded'))],
  ['finish', finish('failed')],
  ['finish', held(cancel, finish('failed'))],
  ['release', held(commit, lose, release)],
  ['release', held(cancel, lose, release)],
  ['release', held(lose, release)],
  ['release', held(spent, lose, release)],
  ['rescue', held(commit, lose, rescue)],
  ['rescue', held(cancel, lose, rescue)],
  ['rescue', held(lose, rescue)],
  ['rescue', held(spent, lose, rescue)],
  [
    'settle',
    after(
      ({ jobid }) => admin().query('update lamplighter.task_run set role_oid = 1 where jobid = $1', [jobid]),
      settle,
    ),
  ],
  [
    'settle',
    after(
      ({ jobid }) => admin().query(`update lamplighter.task_run set origin = '0/0' where jobid = $1`, [jobid]),
      settle,
    ),
  ],
  ['prune', () => stage.cast.sessions.worker.query(`select lamplighter.prune_tasks('0')`)],
];

async function setScene(state: State): Promise<Scene> {
  await stage.clear();
  const worker = await stage.startWorker();
  const jobid = await stage.queue(caller, 'select 1');
  if (state === 'queued') return { jobid, worker };
  const task = await worker.claimOne();
  const session = await worker.open(task, stage.cast.logins.a.uri);
  const scene = { jobid, worker, task, session };
  if (state === 'succeeded') await commit(scene);
  if (state === 'canceled') await cancel(scene);
  if (state !== 'running') await finish(state)(scene);
  return scene;
}

async function stateOf({ jobid }: Scene): Promise<string> {
  const { rows } = await admin().query<{ state: string }>('select state from lamplighter.task_run where jobid = $1', [
    jobid,
  ]);
  return rows[0]?.state ?? '[*]';
}

test('the diagram of a task shows every way from one state to another, and no other', async () => {
  const found = new Set<string>();
  for (const state of STATES) {
    for (const [word, run] of STEPS) {
      const scene = await setScene(state);
      expect(await stateOf(scene)).toBe(state);
      await run(scene).catch((error: unknown) => {
        if (!(error instanceof Error && 'code' in error && error.code === 'LL002')) throw error;
      });
      const next = await stateOf(scene);
      await scene.session?.kill().catch(() => undefined);
      if (next !== state) found.add(`${state} --> ${next}: ${word}`);
    }
  }
  found.add('[*] --> queued: enqueue');
  const diagram =
    readPage('docs/concepts/async-tasks.md').blocks.find(({ language }) => language === 'mermaid')?.text ?? '';
  const shown = [...diagram.matchAll(/^\s*(\S+) --> (\S+): (.*)$/gm)].flatMap(([, from, to, words = '']) =>
    words.split(', ').map((word) => `${from} --> ${to}: ${word}`),
  );
  expect([...found].sort()).toEqual(shown.sort());
});
