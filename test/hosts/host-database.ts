import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { uriOf, withClient } from '../support/admin.ts';
import type { TestRole } from '../support/database.ts';

/** A database as a host gives it: empty, owned by a login without any attribute, with logins for a caller and a worker. */
export interface Host extends AsyncDisposable {
  readonly database: string;
  /** As superuser. */
  readonly adminUri: string;
  readonly owner: TestRole;
  readonly caller: TestRole;
  readonly worker: TestRole;
  /** Runs statements as superuser; {@link HostOptions.prepare} without the roles' names filled in. */
  admin<Row extends object = Record<string, unknown>>(text: string, params?: readonly unknown[]): Promise<Row[]>;
}

export interface HostOptions {
  /** A server of the test's own. @default the server of the run */
  readonly serverUri?: string;
  /** What follows CREATE DATABASE name OWNER owner. */
  readonly databaseOptions?: string;
  /** Run as superuser in the new database; OWNER, CALLER, WORKER and DATABASE stand for the quoted names. */
  readonly prepare?: string;
}

/** Disposing of it ends what is still connected and drops the database and its roles. */
export async function createHost(options: HostOptions = {}): Promise<Host> {
  const { serverUri = inject('serverUri'), databaseOptions = '', prepare = '' } = options;
  const database = `${inject('runPrefix')}_${randomBytes(4).toString('hex')}`;
  const adminUri = uriOf(serverUri, { database });
  const role = (suffix: string): TestRole => {
    const name = `${database}_${suffix}`;
    return { name, uri: uriOf(adminUri, { user: name, password: randomBytes(9).toString('base64url') }) };
  };
  const [owner, caller, worker] = [role('owner'), role('caller'), role('worker')];
  const roles = [owner, caller, worker];

  async function dispose(): Promise<void> {
    await withClient(serverUri, async (client) => {
      await client.query(`drop database if exists ${database} with (force)`);
      for (const { name } of roles) await client.query(`drop role if exists ${name}`);
    });
  }

  try {
    await withClient(serverUri, async (client) => {
      for (const { name, uri } of roles) {
        const password = pg.escapeLiteral(decodeURIComponent(new URL(uri).password));
        await client.query(`create role ${name} login nosuperuser nocreatedb nocreaterole password ${password}`);
      }
      await client.query(`create database ${database} owner ${owner.name} ${databaseOptions}`);
    });
    const names: Readonly<Record<string, string>> = {
      OWNER: owner.name,
      CALLER: caller.name,
      WORKER: worker.name,
      DATABASE: database,
    };
    const text = prepare.replaceAll(/\b(?:OWNER|CALLER|WORKER|DATABASE)\b/g, (name) => names[name] ?? name);
    if (text !== '') await withClient(adminUri, (client) => client.query(text));
  } catch (error) {
    await dispose();
    throw error;
  }

  return {
    database,
    adminUri,
    owner,
    caller,
    worker,
    admin: <Row extends object>(text: string, params: readonly unknown[] = []) =>
      withClient(adminUri, async (client) => (await client.query<Row>(text, [...params])).rows),
    [Symbol.asyncDispose]: dispose,
  };
}
