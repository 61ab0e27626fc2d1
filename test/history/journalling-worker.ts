import type { Queryable } from '../../src/db/query.ts';
import { spawnProcess } from '../support/process.ts';
import type { SpawnedWorkerOptions, WorkerProcess } from '../support/test-worker.ts';
import type { HandlerJournal } from './handlers.ts';

/** A login of its own for each worker process: it tells in the journal whose session made a change. A `TestRole` is one. */
export interface Actor {
  readonly name: string;
  /** Logs in as that role. */
  readonly uri: string;
}

export interface JournallingWorkerOptions extends Omit<SpawnedWorkerOptions, 'uri'> {
  readonly actor: Actor;
  readonly handlers: HandlerJournal;
}

/** Lets the role run workers, and returns it; `db` is logged in as the owner of the schema. */
export async function grantWorker(db: Queryable, actor: Actor): Promise<Actor> {
  await db.query('select lamplighter.grant_worker($1)', [actor.name]);
  return actor;
}

/** A worker in a process of its own, logged in as its actor, whose models do what their texts say and journal what they answer. */
export async function spawnJournallingWorker(options: JournallingWorkerOptions): Promise<WorkerProcess> {
  const { actor, handlers, ...workerOptions } = options;
  const argument = {
    embedModel: 'test/model',
    generateModel: 'test/model',
    rerankModel: 'test/model',
    pollIntervalMs: 100,
    ...workerOptions,
    uri: actor.uri,
    actor: actor.name,
    file: handlers.file,
  };
  const child = spawnProcess('test/history/journalling-worker-process.ts', [JSON.stringify(argument)]);
  const line = await child.waitForLine(/^ready /, { timeoutMs: 30_000 });
  return { ...child, workerId: line.slice('ready '.length) };
}
