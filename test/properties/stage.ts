import pg from 'pg';
import type { Queryable } from '../../src/db/query.ts';
import type { Lane } from '../../src/requests/claimed-request.ts';
import { createTestDatabase } from '../support/database.ts';
import { CLEAR, RESTORE_LEASE_ON_RENEWAL } from './engine.ts';
import type { End } from './queue-model.ts';

/** Longer than anything here may wait for a lock unless the model says that it waits, and longer than events take. */
const PATIENCE_MS = 3_000;

/** A session that statements are prepared in once. */
export interface Observer {
  readonly db: Queryable;
  /** The rows of a statement without parameters that is run again and again; the name stands for its text. */
  look<Row extends object>(text: string, name: string): Promise<readonly Row[]>;
}

/** A session of a caller or a worker, in a role of its own; a lost connection is made anew under the same name. */
export interface Actor extends Observer {
  readonly name: string;
  readonly username: string;
  /** Undefined for the owner and for workers, whom row-level security does not bind. */
  readonly role: string | undefined;
  readonly kind: 'caller' | 'worker';
  readonly lanes: readonly Lane[];
  pid(): number;
  /** Ends the connection from outside, whatever it is doing, and makes a new one. */
  cut(): Promise<void>;
  setLockTimeout(value: string, isLocal: boolean): Promise<void>;
  resetLockTimeout(isLocal: boolean): Promise<void>;
}

/** A database with several roles, each with open sessions, on which one play after the other is given. */
export interface Stage extends AsyncDisposable {
  readonly actors: readonly Actor[];
  /** As superuser, in transactions of its own. */
  readonly admin: Observer;
  readonly patienceMs: number;
  /** What was announced on `steadytext_completed` since the last reset. */
  readonly heard: readonly End[];
  /** Forgets all requests and workers, and ends all transactions. */
  reset(): Promise<void>;
}

const ALL = ['generate', 'embed', 'generate_json', 'generate_regex', 'generate_choice', 'rerank'] as const;
const MODELS = ['default', 'm'] as const;
const EVERY_LANE: readonly Lane[] = ALL.flatMap((functionName) => MODELS.map((model) => ({ functionName, model })));
const FEW_LANES: readonly Lane[] = [
  { functionName: 'embed', model: 'default' },
  { functionName: 'generate', model: 'default' },
];

/**
 * alice has two sessions, bob, carol and the owner one each; `work1` to `work3` run workers.
 *
 * @param options.patienceMs how long a statement may wait for a lock where it should not wait at all, and events may take. @default 3000
 */
export async function createStage({ patienceMs = PATIENCE_MS } = {}): Promise<Stage> {
  const database = await createTestDatabase();
  const admin = new pg.Client({ connectionString: database.uri, application_name: 'lamplighter test admin' });
  await admin.connect();
  await admin.query('set lock_timeout = 10000');
  await admin.query(RESTORE_LEASE_ON_RENEWAL);
  const callers = await Promise.all(['alice', 'bob', 'carol'].map((name) => database.createRole(name)));
  const workers = await database.createRole('worker');
  for (const { name } of callers) await admin.query('select lamplighter.grant_caller($1)', [name]);
  await admin.query('select lamplighter.grant_worker($1)', [workers.name]);
  const [alice, bob, carol] = callers;
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('a role is missing');
  const owner = new URL(database.uri).username;
  const caller = (name: string, role: { name: string; uri: string }) =>
    createActor(admin, patienceMs, {
      name,
      kind: 'caller',
      uri: role.uri,
      username: role.name,
      role: role.name,
      lanes: [],
    });
  const worker = (name: string, lanes: readonly Lane[]) =>
    createActor(admin, patienceMs, {
      name,
      kind: 'worker',
      uri: workers.uri,
      username: workers.name,
      role: undefined,
      lanes,
    });
  const actors = await Promise.all([
    caller('alice1', alice),
    caller('alice2', alice),
    caller('bob1', bob),
    caller('carol1', carol),
    createActor(admin, patienceMs, {
      name: 'owner',
      kind: 'caller',
      uri: database.uri,
      username: owner,
      role: undefined,
      lanes: [],
    }),
    worker('work1', EVERY_LANE),
    worker('work2', FEW_LANES),
    worker('work3', EVERY_LANE),
  ]);
  const heard: End[] = [];
  const listener = new pg.Client({ connectionString: database.uri, application_name: 'lamplighter test listener' });
  listener.on('error', () => undefined);
  listener.on('notification', ({ payload }) => {
    const { request_id: requestId, function: functionName, status } = JSON.parse(payload ?? '{}');
    heard.push({ requestId, functionName, status });
  });
  await listener.connect();
  await listener.query('listen steadytext_completed');

  return {
    actors,
    admin: observerOf(() => admin),
    heard,
    patienceMs,
    async reset() {
      await Promise.all(actors.map(({ db }) => db.query('rollback')));
      await Promise.all(actors.map((actor) => actor.resetLockTimeout(false)));
      await admin.query(CLEAR);
      heard.length = 0;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...actors.map((actor) => actor[Symbol.asyncDispose]()), listener.end()]);
      await admin.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function createActor(
  admin: pg.Client,
  patienceMs: number,
  options: Omit<Actor, 'db' | 'look' | 'pid' | 'cut' | 'setLockTimeout' | 'resetLockTimeout'> & {
    readonly uri: string;
  },
): Promise<Actor & AsyncDisposable> {
  const { uri, ...traits } = options;
  let pid = 0;
  async function connect(): Promise<pg.Client> {
    const fresh = new pg.Client({ connectionString: uri, application_name: `lamplighter test ${traits.name}` });
    // Connections are cut on purpose; a query on one fails where it is made.
    fresh.on('error', () => undefined);
    await fresh.connect();
    await fresh.query(`set lock_timeout = ${patienceMs}`);
    pid = (await fresh.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid ?? 0;
    return fresh;
  }
  let client = await connect();
  const set = (value: string, isLocal: boolean) =>
    client.query(`set ${isLocal ? 'local' : 'session'} lock_timeout = '${value}'`);
  return {
    ...traits,
    ...observerOf(() => client),
    pid: () => pid,
    async cut() {
      await admin.query('select pg_terminate_backend($1, 10000)', [pid]);
      await client.end();
      client = await connect();
    },
    async setLockTimeout(value, isLocal) {
      await set(value, isLocal);
    },
    async resetLockTimeout(isLocal) {
      await set(`${patienceMs}ms`, isLocal);
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}

function observerOf(client: () => pg.Client): Observer {
  return {
    db: { query: (text, params) => client().query(text, params === undefined ? undefined : [...params]) },
    look: async <Row extends object>(text: string, name: string) => (await client().query<Row>({ name, text })).rows,
  };
}
