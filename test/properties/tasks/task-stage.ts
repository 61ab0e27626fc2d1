import pg from 'pg';
import { createTestDatabase } from '../../support/database.ts';
import { eventually } from '../../support/eventually.ts';
import { CALLERS, type CallerName, type RoleName, roleOf } from './task-steps.ts';

/** The session of a task, at whose every step the play takes a hand. */
export interface LiveTaskSession {
  readonly client: pg.Client;
  readonly pid: number;
  /** As the server writes it. */
  readonly backendStart: string;
  /** Closes it, and resolves when the server knows of it no more. */
  lose(): Promise<void>;
}

/** A database with callers' sessions, one for workers, and an observer's. */
export interface TaskStage extends AsyncDisposable {
  readonly admin: pg.Client;
  /** As a role with the rights of a worker. */
  readonly worker: pg.Client;
  callerOf(name: CallerName): pg.Client;
  /** The login's name. */
  nameOf(role: RoleName): string;
  openTaskSession(role: RoleName): Promise<LiveTaskSession>;
  /** Ends all transactions and sessions, and forgets all tasks and workers. */
  reset(): Promise<void>;
}

const CLEAR = `
  truncate effect;
  truncate lantern.tasks;
  delete from lamplighter.task_run;
  delete from lamplighter.task_cancel;
  delete from lamplighter.task_outcome;
  delete from lamplighter.worker`;

export async function createTaskStage(): Promise<TaskStage> {
  const database = await createTestDatabase();
  const connect = async (uri: string) => {
    const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test' });
    client.on('error', () => undefined);
    await client.connect();
    await client.query(`set lock_timeout = '3s'`);
    return client;
  };
  const roles = { ann: await database.createRole('ann'), bob: await database.createRole('bob') };
  const workers = await database.createRole('worker');
  const admin = await connect(database.uri);
  for (const { name } of Object.values(roles)) await admin.query('select lamplighter.grant_caller($1)', [name]);
  await admin.query('select lamplighter.grant_worker($1)', [workers.name]);
  await admin.query(
    'create table effect (label text); grant insert on effect to public; grant usage on schema public to public',
  );
  const worker = await connect(workers.uri);
  const callers = new Map<CallerName, pg.Client>();
  for (const name of CALLERS) callers.set(name, await connect(roles[roleOf(name)].uri));
  const open = new Set<LiveTaskSession>();

  return {
    admin,
    worker,
    callerOf(name) {
      const client = callers.get(name);
      if (client === undefined) throw new Error(`there is no caller ${name}`);
      return client;
    },
    nameOf: (role) => roles[role].name,
    async openTaskSession(role) {
      const client = await connect(roles[role].uri);
      const { rows } = await client.query<{ pid: number; backend_start: string }>(
        'select pid, backend_start::text from pg_stat_activity where pid = pg_backend_pid()',
      );
      const { pid = 0, backend_start: backendStart = '' } = rows[0] ?? {};
      const session: LiveTaskSession = {
        client,
        pid,
        backendStart,
        async lose() {
          open.delete(session);
          await client.end();
          await eventually(
            async () => {
              const left = await admin.query('select from pg_stat_activity where pid = $1', [pid]);
              if (left.rowCount !== 0) throw new Error('the backend is still there');
            },
            { intervalMs: 2 },
          );
        },
      };
      open.add(session);
      return session;
    },
    async reset() {
      for (const session of [...open]) await session.lose();
      for (const client of callers.values()) await client.query('rollback');
      await admin.query(CLEAR);
    },
    async [Symbol.asyncDispose]() {
      for (const session of [...open]) await session.lose();
      for (const client of [...callers.values(), worker, admin]) await client.end();
      await database[Symbol.asyncDispose]();
    },
  };
}
