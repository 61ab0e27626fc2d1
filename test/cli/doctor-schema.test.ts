import { describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

interface Finding {
  readonly state: string;
  readonly name: string;
  readonly message: string;
  readonly advice?: string;
}

async function brokenIn(db: TestDatabase): Promise<readonly Finding[]> {
  const { code, stdout } = await runCli(['doctor', '--json', '--uri', db.uri]);
  const { findings, broken } = JSON.parse(stdout) as { findings: Finding[]; broken: number };
  const told = findings.filter(({ state }) => state === 'broken');
  expect(broken).toBe(told.length);
  expect(code).toBe(told.length === 0 ? 0 : 1);
  return told;
}

describe('doctor', () => {
  test('finds nothing broken in a schema that was just installed', async () => {
    await using db = await createTestDatabase();
    expect(await brokenIn(db)).toEqual([]);
  });

  test('refuses a database that is read-only for all, as a worker does', async () => {
    await using db = await createTestDatabase();
    await db.pool.query(`alter database ${db.name} set default_transaction_read_only = on`);
    expect(await brokenIn(db)).toMatchObject([
      { name: 'server', message: expect.stringContaining('default_transaction_read_only is on for all roles') },
    ]);
    const worker = await runCli(['worker', '--uri', db.uri]);
    expect(worker.stderr).toContain('default_transaction_read_only is on for all roles');
    expect(worker.code).toBe(1);
  });

  test('names what is missing of the tables, and what has another type', async () => {
    await using db = await createTestDatabase();
    await db.pool.query(`drop table lamplighter.duty;
      drop view lantern.task_status;
      drop policy own_requests on public.steadytext_queue;
      alter table lantern.tasks disable row level security;
      alter table lamplighter.claim alter claim_number type integer;
      alter table lamplighter.claim alter ids drop not null`);
    expect((await brokenIn(db)).map(({ message }) => message)).toEqual([
      'missing, or disabled: view lantern.task_status, table lamplighter.duty, policy own_requests on public.steadytext_queue, ' +
        'row level security on lantern.tasks',
      'not of the type that this program ships: column lamplighter.claim.claim_number, column lamplighter.claim.ids',
    ]);
  });

  test('names columns and constraints that are gone', async () => {
    await using db = await createTestDatabase();
    await db.pool.query(`alter table lamplighter.claim drop constraint claim_pkey;
      alter table lamplighter.claim drop column ids`);
    expect((await brokenIn(db)).map(({ message }) => message)).toEqual([
      'missing, or disabled: column lamplighter.claim.ids, constraint claim_pkey on lamplighter.claim',
    ]);
  });

  test('names a function that was replaced by hand, and migrate brings it back', async () => {
    await using db = await createTestDatabase();
    await db.pool.query(
      "create or replace function public.steadytext_prune(older_than interval) returns bigint language sql as 'select 0::bigint'",
    );
    expect(await brokenIn(db)).toMatchObject([
      {
        name: 'functions',
        message: expect.stringContaining('public.steadytext_prune'),
        advice: 'As the owner: lamplighter migrate',
      },
    ]);
    await runCli(['migrate', '--uri', db.uri]);
    expect(await brokenIn(db)).toEqual([]);
  }, 60_000);

  test('gives the statement that sets a ledger right whose tables are well', async () => {
    await using db = await createTestDatabase();
    await db.pool.query(
      "update lamplighter.migration set checksum = 'another' where number = 2; delete from lamplighter.migration where number = 3",
    );
    const told = await brokenIn(db);
    expect(told.map(({ name }) => name)).toEqual(['ledger', 'ledger']);
    const migrate = await runCli(['migrate', '--uri', db.uri]);
    expect(migrate.stderr).toMatch(/error: Migration 0002_\w+ is recorded .* with another checksum/);
    expect(migrate.stderr).toMatch(/hint: .*deletes all requests with their results, all tasks/);
    await db.pool.query('alter table lamplighter.worker rename column version to former');
    const others = (await brokenIn(db)).filter(({ name }) => name === 'ledger');
    expect(others).toMatchObject([{ advice: expect.stringContaining('lamplighter uninstall') }]);
    await db.pool.query('alter table lamplighter.worker rename column former to version');
    for (const { advice = '' } of told) await db.pool.query(advice.replace('As the owner: ', ''));
    expect(await brokenIn(db)).toEqual([]);
    expect((await runCli(['migrate', '--uri', db.uri])).code).toBe(0);
  }, 60_000);
});
