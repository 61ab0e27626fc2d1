import { expect, inject, onTestFinished, test } from 'vitest';
import { findCopy } from '../../src/db/migrate/installation.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { runCli } from '../cli/run-cli.ts';
import { uriOf, withClient } from '../support/admin.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { withSession } from '../support/owned-database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { templateName } from '../support/template.ts';
import { complaintsOf, examineDatabase } from './examine-database.ts';

async function createDatabase(): Promise<TestDatabase> {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  return db;
}

const WARNING = {
  name: 'copy',
  state: 'warning',
  message: expect.stringMatching(
    /^this database is a copy of the one that was noted on \d{4}-\d\d-\d\d: a restored dump/,
  ),
  advice: expect.stringContaining('lamplighter migrate --accept-copy'),
};
const copyOf = (uri: string) => examineDatabase(uri, { names: ['copy'] });

test('a database made from a template is told as a copy until it is accepted, and migrate alone does not accept it', async () => {
  const name = `${inject('runPrefix')}_copied`;
  const admin = (text: string) => withClient(inject('serverUri'), async (client) => void (await client.query(text)));
  await admin(`create database ${name} template ${templateName(inject('runPrefix'))}`);
  onTestFinished(() => admin(`drop database ${name} with (force)`));
  const uri = uriOf(inject('serverUri'), { database: name });

  expect(await complaintsOf(uri)).toMatchObject([WARNING]);
  expect((await withSession(uri, migrate)).steps).toEqual([]);
  expect(await copyOf(uri)).toMatchObject([WARNING]);
  expect(await withSession(uri, findCopy)).toMatch(/is a copy of/);

  const { code, stdout } = await runCli(['migrate', '--accept-copy', '--uri', uri]);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('note that this database is no copy') });
  expect(await complaintsOf(uri)).toEqual([]);
  expect(await withSession(uri, findCopy)).toBeUndefined();
});

test('the loopback connection of a copy queues nothing in the database that it was copied from', async () => {
  const [origin, copy] = [await createDatabase(), await createDatabase()];
  await copy.pool.query('create extension dblink');
  const { hostname, port, username, password } = new URL(origin.uri);
  await copy.pool.query('insert into lamplighter.loopback (dsn) values ($1)', [
    `host=${hostname} port=${port} dbname=${origin.name} user=${username} password=${password}`,
  ]);
  const client = await copy.pool.connect();
  try {
    await client.query('begin');
    const { rows } = await client.query<{ id: string }>(`select steadytext_embed_async('a') as id`);
    expect(await sqlErrorOf(client, 'select steadytext_get_async_result($1, 1)', [rows[0]?.id])).toMatchObject({
      code: '55000',
      message: expect.stringContaining('it leads to another database'),
      hint: expect.stringContaining('lamplighter migrate --loopback DSN'),
    });
  } finally {
    await client.query('rollback');
    client.release();
  }
  expect((await origin.pool.query('select from steadytext_queue')).rowCount).toBe(0);
});

test.each([
  ['system_identifier', `'1'`, 'warning', /in the data of another server: after pg_upgrade, or a copy/],
  ['timeline', 'timeline - 1', 'note', /the server was promoted since/],
])('another %s is told for what it may be', async (column, value, state, message) => {
  const db = await createDatabase();
  await db.pool.query(`update lamplighter.installation set ${column} = ${value}`);
  expect(await copyOf(db.uri)).toMatchObject([{ state, message: expect.stringMatching(message) }]);
});

test('a worker and a monitor are told, too, and a caller that it may not see it', async () => {
  const db = await createDatabase();
  await db.pool.query(`update lamplighter.installation set origin = '1/1'`);
  for (const kind of ['worker', 'monitor'] as const) {
    const role = await db.createRole(kind);
    await db.pool.query(`select lamplighter.grant_${kind}($1)`, [role.name]);
    expect(await copyOf(role.uri)).toMatchObject([WARNING]);
  }
  const caller = await db.createRole('caller');
  await db.pool.query('select lamplighter.grant_caller($1)', [caller.name]);
  expect(await copyOf(caller.uri)).toMatchObject([
    { state: 'unknown', message: expect.stringMatching(/needs the owner/) },
  ]);
  expect(await withSession(caller.uri, findCopy)).toBeUndefined();
});
