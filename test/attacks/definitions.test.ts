import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ATTACKERS, createScene, type Scene } from './attacker.ts';

// Whoever may change what the queue is, or hang something of his own on it, has the rows. All of this needs ownership.
const STATEMENTS = `
  create table {own}.child () inherits (public.steadytext_queue)
  create table {own}.heir (like public.steadytext_queue); alter table {own}.heir inherit public.steadytext_queue
  create table {own}.part (like public.steadytext_queue); alter table public.steadytext_queue attach partition {own}.part default
  create table {own}.copy partition of public.steadytext_queue default
  create table {own}.reference (id bigint references public.steadytext_queue)
  create table {own}.reference (id uuid references public.steadytext_queue (request_id) on delete cascade)
  create table {own}.typed of public.steadytext_queue
  create table {own}.holder (request public.steadytext_queue)
  create rule spy as on insert to public.steadytext_queue do also insert into {own}.spied values (new.result)
  create rule "_RETURN" as on select to public.steadytext_queue do instead select * from {own}.spied
  create policy everything on public.steadytext_queue using (true)
  alter policy own_requests on public.steadytext_queue using (true)
  drop policy own_requests on public.steadytext_queue
  alter table public.steadytext_queue no force row level security
  alter table public.steadytext_queue disable trigger all
  create statistics {own}.spy on status, username from public.steadytext_queue
  create index on public.steadytext_queue (result)
  drop index public.steadytext_queue_ready_idx
  alter index public.steadytext_queue_ready_idx set tablespace pg_default
  alter table public.steadytext_queue rename to gone
  alter table public.steadytext_queue rename column result to gone
  alter table public.steadytext_queue set schema {own}
  alter table public.steadytext_queue owner to current_user
  alter table public.steadytext_queue set unlogged
  alter table public.steadytext_queue set (autovacuum_enabled = off)
  alter table public.steadytext_queue replica identity full
  alter table public.steadytext_queue add column mine text
  alter table public.steadytext_queue add constraint nothing check (false) not valid
  alter table public.steadytext_queue drop constraint steadytext_queue_pkey
  alter table public.steadytext_queue alter column username drop default
  alter table public.steadytext_queue alter column result set default 'forged'
  alter table public.steadytext_queue alter column result set statistics 10000
  alter table public.steadytext_queue cluster on steadytext_queue_pkey
  cluster public.steadytext_queue using steadytext_queue_pkey
  reindex table public.steadytext_queue
  truncate public.steadytext_queue
  drop table public.steadytext_queue cascade
  comment on table public.steadytext_queue is 'mine'
  create publication spy for table public.steadytext_queue
  alter sequence public.steadytext_queue_id_seq restart with 1
  alter sequence public.steadytext_queue_id_seq owned by none
  select setval('public.steadytext_queue_id_seq', 1)
  select nextval('public.steadytext_queue_id_seq')
  create function lamplighter.mine() returns void language sql as ''
  create table lamplighter.mine ()
  create function {own}.mine() returns void language sql as ''; alter function {own}.mine() set schema lamplighter
  alter schema lamplighter rename to gone
  alter schema lamplighter owner to current_user
  drop schema lamplighter cascade
  create or replace function public.steadytext_cancel_async(request_id uuid) returns boolean language sql as 'select true'
  create or replace function lamplighter.is_own_write(p_xmin xid) returns boolean language sql as 'select true'
  alter function public.steadytext_cancel_async(uuid) security definer
  alter function public.steadytext_cancel_async(uuid) set search_path = {own}
  alter function lamplighter.send_autonomous(uuid) reset all
  alter function lamplighter.send_autonomous(uuid) owner to current_user
  drop function public.steadytext_cancel_async(uuid)
  create function {own}.leak(text) returns boolean language sql leakproof as 'select true'
  create event trigger spy on ddl_command_end execute function {own}.nothing()
  create extension dblink
  create extension file_fdw
  begin; lock table lamplighter.worker in access exclusive mode
  begin; lock table lamplighter.setting in share mode
  alter default privileges for role {owner} grant all on tables to public
  alter default privileges for role {owner} in schema lamplighter grant all on tables to public
  grant {owner} to current_user
  grant {b} to current_user
  alter role current_user superuser
  alter role current_user bypassrls
  alter role {b} password 'known'
  alter role {b} set search_path = {own}
  alter role {worker} set steadytext.max_queue_size = '1'
  alter database {database} set steadytext.max_queue_size = '0'
  alter system set steadytext.max_queue_size = '0'
  set role {owner}
  set role {b}
  set session authorization {b}
  set session_replication_role = replica
  set lc_messages = 'C'
  reassign owned by {owner} to current_user
  drop owned by {owner}
  drop owned by {b}
  create subscription spy connection 'dbname=x' publication y with (connect = false)
  grant select on public.steadytext_queue to public
  grant all on all tables in schema lamplighter to public
  grant execute on function public.steadytext_pause(text) to public
  revoke all on public.steadytext_queue from {b}
  vacuum (full) public.steadytext_queue
  analyze public.steadytext_queue
`;

let scene: Scene;
let before: string;

beforeAll(async () => {
  scene = await createScene();
  await scene.sessions.b.query(`select public.steadytext_embed_async('secret of b')`);
  for (const role of ATTACKERS) {
    await scene.sessions[role].query(`
      create table own_${role}.spied (result text);
      create function own_${role}.nothing() returns event_trigger language plpgsql as 'begin end'`);
  }
  before = await scene.describeProduct();
});
afterAll(() => scene[Symbol.asyncDispose]());

/** How the server refused one of the statements: the code of its error, or a warning that it did nothing. */
async function refusalOf(role: (typeof ATTACKERS)[number], statements: readonly string[]): Promise<string> {
  const session = scene.sessions[role];
  const notices: string[] = [];
  const collect = ({ message }: { message?: string | undefined }) => notices.push(message ?? '');
  session.on('notice', collect);
  try {
    for (const statement of statements) await session.query(statement);
    return notices.join('; ');
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return error.code ?? error.message;
  } finally {
    session.off('notice', collect);
    await session.query('rollback');
  }
}

describe.each(ATTACKERS)('%s, who may create what he likes elsewhere, cannot', (role) => {
  const statements = STATEMENTS.trim()
    .split('\n')
    .map((line) => line.trim());

  test.each(statements)('%s', async (statement) => {
    const { database, names } = scene;
    const values: Record<string, string> = { ...names, own: `own_${role}`, database: database.name };
    const text = statement.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? name);
    expect(await refusalOf(role, text.split('; '))).toMatch(
      /^(42501|42809)$|no privileges (were|could)|only .* can (vacuum|analyze)|permission denied to/,
    );
  });

  test('(and nothing of the product has changed)', async () => {
    expect(await scene.describeProduct()).toBe(before);
  });
});
