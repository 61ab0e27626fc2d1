import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import type { TestRole } from '../support/database.ts';
import { firstValue, untilStatus } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession } from '../support/sql-session.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let cast: Cast;
let tested: TestWorker;
beforeAll(async () => {
  cast = await createCast();
  tested = await startTestWorker({ uri: cast.logins.worker.uri });
});
afterAll(async () => {
  await tested?.worker.stop();
  await cast[Symbol.asyncDispose]();
});
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue'));

const quote = pg.escapeIdentifier;

/** Queues one request as the role, in a session of its own. */
async function embed(role: TestRole, text = 'x'): Promise<string> {
  await using session = await openSession(role.uri);
  return await firstValue<string>(session.client, 'select public.steadytext_embed_async($1, false)', [text]);
}

async function countSeen(role: TestRole): Promise<number> {
  await using session = await openSession(role.uri);
  return (await session.client.query('select from public.steadytext_queue')).rows.length;
}

describe('requests go by the name of their role, so that', () => {
  test('those of a role that is dropped are still answered, for the owner to see', async () => {
    const role = await cast.database.createRole('dropped');
    await cast.migrateAs(cast.logins.owner, { grant: [role.name] });
    const id = await embed(role);
    await cast.database.pool.query(`drop owned by ${role.name}; drop role ${role.name}`);
    await untilStatus(cast.database.pool, [id], 'completed');
    expect((await cast.sessions.owner.query('select username from public.steadytext_queue')).rows).toEqual([
      { username: role.name },
    ]);
  });

  test('a role that was made again sees nothing, unless it has the use through a group, as everybody in it may', async () => {
    const group = await cast.database.createRole('group', { login: false });
    await cast.migrateAs(cast.logins.owner, { grant: [group.name] });
    const first = await cast.database.createRole('tenant');
    await cast.database.pool.query(`grant ${group.name} to ${first.name}`);
    await embed(first);
    await cast.database.pool.query(`drop role ${first.name}`);

    const second = await cast.database.createRole('tenant');
    await using session = await openSession(second.uri);
    expect((await sqlErrorOf(session.client, 'select from public.steadytext_queue')).code).toBe('42501');
    await cast.database.pool.query(`grant ${group.name} to ${second.name}`);
    expect(await countSeen(second)).toBe(1);
    // What the documentation says to do before a name is given to somebody else.
    await cast.sessions.owner.query('delete from public.steadytext_queue where username = $1', [second.name]);
    expect(await countSeen(second)).toBe(0);
  });

  test('a role that takes the name of another one sees nothing of it without a grant of its own', async () => {
    const [victim, thief] = [await cast.database.createRole('victim'), await cast.database.createRole('thief')];
    await cast.migrateAs(cast.logins.owner, { grant: [victim.name] });
    await embed(victim);
    const old = `${victim.name}_old`;
    await cast.database.pool.query(
      `alter role ${victim.name} rename to ${old}; alter role ${thief.name} rename to ${victim.name}`,
    );
    await cast.database.pool.query(`alter role ${victim.name} password 'p'`);
    await using session = await openSession(cast.database.uriFor(victim.name, 'p'));
    expect((await sqlErrorOf(session.client, 'select from public.steadytext_queue')).code).toBe('42501');
    expect((await sqlErrorOf(session.client, `select public.steadytext_prune('0 seconds')`)).code).toBe('42501');
    await cast.database.pool.query(`drop owned by ${old}; drop role ${old}`);
  });
});

describe('taking back what a role was granted', () => {
  test('takes back what it gave to others, too, and says what others gave', async () => {
    const [giver, taker] = [await cast.database.createRole('giver'), await cast.database.createRole('taker')];
    await cast.migrateAs(cast.logins.owner, { grant: [giver.name] });
    await cast.sessions.owner.query(`
      grant select, delete on public.steadytext_queue to ${giver.name} with grant option;
      grant execute on function public.steadytext_prune(interval) to ${giver.name} with grant option`);
    {
      await using session = await openSession(giver.uri);
      await session.client.query(`
        grant select, delete on public.steadytext_queue to ${taker.name};
        grant execute on function public.steadytext_prune(interval) to ${taker.name}`);
    }
    const warnings: string[] = [];
    const collect = ({ message }: { message?: string | undefined }) => warnings.push(message ?? '');
    cast.sessions.owner.on('notice', collect);
    await cast.sessions.owner.query('select lamplighter.revoke_role($1)', [taker.name]);
    expect(warnings).toEqual([`The role ${taker.name} keeps what ${giver.name} gave it`]);
    await cast.sessions.owner.query('select lamplighter.revoke_role($1)', [giver.name]);
    cast.sessions.owner.off('notice', collect);
    expect(warnings).toHaveLength(1);
    for (const role of [giver, taker]) {
      await using session = await openSession(role.uri);
      expect((await sqlErrorOf(session.client, 'select from public.steadytext_queue')).code).toBe('42501');
      expect((await sqlErrorOf(session.client, `select public.steadytext_prune('0 seconds')`)).code).toBe('42501');
    }
  });
});

describe('a role of any name queues, waits, cancels and is served:', () => {
  test.each([
    ['quotes', `a"b'c$$d$1`],
    ['lines', 'a\nb\r\nc\td'],
    ['SQL', `'; drop schema lamplighter; --`],
    ['formats', '%I%L%s{0}\\u0000\\x'],
    ['a terminal', '\u001b[2J\u009b31m\u0007'],
    ['another direction', '\u202egnp.exe'],
    ['no letters', '🕯\u200d🔥 ¯\\_(ツ)_/¯'],
    ['JSON', '"}, {"status": "completed"'],
  ])('%s', async (_name, suffix) => {
    const prefix = `${cast.database.name}_`;
    const room = 63 - Buffer.byteLength(prefix);
    // As long as a name can be.
    const name = `${suffix}${'x'.repeat(Math.max(0, room - Buffer.byteLength(suffix)))}`;
    const role = await cast.database.createRole(name);
    expect(Buffer.byteLength(role.name)).toBe(63);
    await cast.migrateAs(cast.logins.owner, { grant: [role.name] });
    await using client = createClient({ uri: role.uri });
    const id = await client.embed('x', { useCache: false });
    expect(await client.wait(id)).toHaveLength(8);
    const { rows } = await cast.sessions.owner.query('select username from public.steadytext_queue');
    expect(rows).toEqual([{ username: role.name }]);
    expect((await cast.sessions.b.query('select from public.steadytext_queue')).rows).toHaveLength(0);
    await cast.sessions.owner.query('select lamplighter.revoke_role($1)', [role.name]);
    await cast.database.pool.query(`drop role ${quote(role.name)}`);
    expect(tested.warnings()).toEqual([]);
  });
});
