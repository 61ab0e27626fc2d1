import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { createHost, type Host } from '../hosts/host-database.ts';
import { type OwnServer, startOwnServer } from '../hosts/own-server.ts';
import { withSession } from '../support/owned-database.ts';
import { firstValue } from '../support/requests.ts';

let server: OwnServer;
let host: Host;
let offersDblink = false;
beforeAll(async () => {
  server = await startOwnServer();
  host = await createHost({ serverUri: server.uri });
  const [available] = await host.admin(`select from pg_available_extensions where name = 'dblink'`);
  offersDblink = available !== undefined;
  if (offersDblink) await host.admin('create extension dblink');
});
afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await server.stop();
});
afterEach(() => host.admin('delete from lamplighter.loopback'));

/** What a DSN says as whom the schema belongs to, a role without a superuser's rights. */
function dsnOf(changes: Readonly<Record<string, string>> = {}): string {
  const { hostname, port, username, password } = new URL(host.owner.uri);
  const parts = { host: hostname, port, dbname: host.database, user: username, password, ...changes };
  return Object.entries(parts)
    .flatMap(([name, value]) => (value === '' ? [] : [`${name}='${decodeURIComponent(value)}'`]))
    .join(' ');
}

const migrate = (dsn: string) => runCli(['migrate', '--uri', host.owner.uri], { env: { LAMPLIGHTER_LOOPBACK: dsn } });
const stored = async () =>
  (await host.admin<{ dsn: string }>('select dsn from lamplighter.loopback')).map(({ dsn }) => dsn);

describe("an owner without a superuser's rights", () => {
  test('a loopback connection with the wrong password is refused, and the one that works stays', async (context) => {
    context.skip(!offersDblink, 'this server does not offer dblink');
    const wrong = await migrate(dsnOf({ password: 'wr0ng-w0rd' }));
    expect(wrong.stderr).toContain('the loopback connection was not set, as it does not work');
    expect(wrong.stderr).toContain('password authentication failed');
    expect(wrong.code).toBe(1);
    expect(await stored()).toEqual([]);

    expect(await migrate(dsnOf())).toMatchObject({ code: 0, stderr: '' });
    expect(await stored()).toEqual([dsnOf()]);

    const again = await migrate(dsnOf({ password: 'wr0ng-w0rd' }));
    expect(again.code).toBe(1);
    expect(wrong.stderr + again.stderr + again.stdout).not.toContain('wr0ng-w0rd');
    expect(await stored()).toEqual([dsnOf()]);
  });

  test('a loopback connection that works lets a caller queue and wait in one transaction', async (context) => {
    context.skip(!offersDblink, 'this server does not offer dblink');
    await migrate(dsnOf());
    await withSession(host.owner.uri, async (owner) => {
      await owner.query('begin');
      const id = await firstValue(owner, `select steadytext_embed_async('one moment')`);
      await expect(owner.query('select steadytext_get_async_result($1, 0)', [id])).rejects.toThrow(
        'Timeout waiting for async result (0 seconds)',
      );
      await owner.query('rollback');
    });
    expect(await host.admin('select username from steadytext_queue')).toEqual([{ username: host.owner.name }]);
  });

  test('a loopback connection without a password is refused', async (context) => {
    context.skip(!offersDblink, 'this server does not offer dblink');
    const { code, stderr } = await migrate(dsnOf({ password: '' }));
    expect(stderr).toMatch(/was not set, as it does not work: password .*required/);
    expect(code).toBe(1);
    expect(await stored()).toEqual([]);
  });

  test('a loopback connection is refused where pg_hba.conf asks for no password', async (context) => {
    context.skip(!offersDblink, 'this server does not offer dblink');
    const [hba] = await host.admin<{ hba_file: string }>('show hba_file');
    await writeFile(hba?.hba_file ?? '', 'host all all 127.0.0.1/32 trust\n');
    await host.admin('select pg_reload_conf()');
    const { code, stderr } = await migrate(dsnOf());
    expect(stderr).toMatch(/was not set, as it does not work: password .*required/);
    expect(code).toBe(1);
    expect(await stored()).toEqual([]);
  });
});
