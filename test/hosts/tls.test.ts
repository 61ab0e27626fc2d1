import { writeFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { messageOf } from '../../src/core/errors.ts';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { openTaskSession } from '../../src/db/task-session/task-session.ts';
import { withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { type CertificateFolder, createCertificateFolder, hasOpenssl } from './certificates.ts';
import { createHost } from './host-database.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';
import { proveHost } from './prove-host.ts';

/** Whether the server sees an encrypted session; or the code of the error, and its text. */
async function connect(uri: string, home = '/nowhere'): Promise<boolean | string> {
  try {
    const session = await connectClient(resolveConnection({ uri }, { HOME: home }));
    const { rows } = await session.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    await session.end();
    return rows[0]?.ssl ?? 'no row';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'no code';
    return `${code}: ${messageOf(error)}`;
  }
}

describe.skipIf(!hasOpenssl)('TLS with a private authority', () => {
  let certificates: CertificateFolder;
  let server: OwnServer;

  beforeAll(async () => {
    certificates = await createCertificateFolder();
    const { makeAuthority, makeCertificate, pathOf } = certificates;
    await Promise.all(['root', 'stranger'].map(makeAuthority));
    const ofServer = { authority: 'root', subject: 'localhost', dnsName: 'localhost' };
    await makeCertificate('server', ofServer);
    await makeCertificate('expired', { ...ofServer, days: -1 });
    await makeCertificate('client', { authority: 'root', subject: 'lt_certified' });
    await makeCertificate('locked', { authority: 'root', subject: 'lt_certified', password: 'open sesame' });
    await makeCertificate('foreign', { authority: 'stranger', subject: 'lt_certified' });
    await writeFile(
      pathOf('pg_hba.conf'),
      `hostnossl all lt_plain_only all scram-sha-256
       hostssl all lt_plain_only all reject
       hostssl all lt_tls_only all scram-sha-256
       hostnossl all lt_tls_only all reject
       hostssl all lt_certified all cert
       host all all all scram-sha-256\n`,
    );
    server = await startOwnServer({ settings: { hba_file: pathOf('pg_hba.conf') } });
    await withClient(server.uri, async (admin) => {
      for (const role of ['lt_plain_only', 'lt_tls_only', 'lt_certified', 'lt_ordinary'])
        await admin.query(`create role ${role} login password 'secret'`);
      await admin.query(`alter system set ssl_ca_file = ${pg.escapeLiteral(pathOf('root.crt'))}`);
    });
    await show('server');
  });
  afterAll(async () => {
    await server.stop();
    await certificates[Symbol.asyncDispose]();
  });

  /** Lets the server show another certificate. */
  async function show(name: string): Promise<void> {
    const { pathOf } = certificates;
    await withClient(server.uri, async (admin) => {
      await admin.query(`alter system set ssl_cert_file = ${pg.escapeLiteral(pathOf(`${name}.crt`))}`);
      await admin.query(`alter system set ssl_key_file = ${pg.escapeLiteral(pathOf(`${name}.key`))}`);
      await admin.query('alter system set ssl = on');
      await admin.query('select pg_reload_conf()');
    });
    const isShown = async () => {
      const answer = await connect(uriOf('127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/root.crt'));
      expect(String(answer)).toMatch(name === 'expired' ? /expired/ : /^true$/);
    };
    await eventually(isShown);
  }

  function uriOf(host: string, query: string, role = 'lt_ordinary'): string {
    const options = query.replaceAll('FOLDER', encodeURIComponent(certificates.folder));
    return `postgres://${role}:secret@${host}:${server.port}/postgres?${options}`;
  }

  test.each([
    ['127.0.0.1', 'sslmode=disable', false],
    ['127.0.0.1', 'sslmode=allow', false],
    ['127.0.0.1', 'sslmode=prefer', true],
    ['127.0.0.1', '', true],
    ['127.0.0.1', 'sslmode=require', true],
    ['127.0.0.1', 'sslmode=no-verify', true],
    ['127.0.0.1', 'sslmode=require&sslrootcert=FOLDER/root.crt', true],
    ['127.0.0.1', 'sslmode=require&sslrootcert=FOLDER/stranger.crt', /^TLS_FAILED: No encrypted connection/],
    ['127.0.0.1', 'sslmode=prefer&sslrootcert=FOLDER/stranger.crt', false],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/root.crt', true],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/stranger.crt', /^TLS_FAILED: No encrypted connection/],
    ['127.0.0.1', 'sslmode=verify-ca', /^CONFIG_INVALID: .*expected a root certificate for sslmode=verify-ca/],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/none.crt', /^CONFIG_INVALID: .*there is no file/],
    [
      '127.0.0.1',
      'sslmode=verify-full&sslrootcert=FOLDER/root.crt',
      /^TLS_FAILED: The certificate .* is for another name/,
    ],
    ['localhost', 'sslmode=verify-full&sslrootcert=FOLDER/root.crt', true],
    ['localhost', 'sslmode=verify-full&sslrootcert=FOLDER/stranger.crt', /^TLS_FAILED: No encrypted connection/],
    ['localhost', 'sslmode=verify-full', /^TLS_FAILED: No encrypted connection/],
    ['localhost', 'sslrootcert=system', /^TLS_FAILED: No encrypted connection/],
    ['127.0.0.1', 'sslmode=require&channel_binding=require', true],
    ['127.0.0.1', 'sslmode=allow&channel_binding=require', /^AUTHENTICATION_FAILED: .*did not bind the login/],
  ])('%s with "%s": %s', async (host, query, expected) => {
    const answer = await connect(uriOf(host, query));
    if (typeof expected === 'boolean') expect(answer).toBe(expected);
    else expect(answer).toMatch(expected);
  });

  test.each([
    ['a role that may only come without TLS, prefer', 'lt_plain_only', 'sslmode=prefer', false],
    [
      'a role that may only come without TLS, require',
      'lt_plain_only',
      'sslmode=require',
      /^AUTHENTICATION_FAILED: .*does not let role/,
    ],
    ['a role that may only come with TLS, allow', 'lt_tls_only', 'sslmode=allow', true],
    [
      'a role that may only come with TLS, disable',
      'lt_tls_only',
      'sslmode=disable',
      /^AUTHENTICATION_FAILED: .*does not let role/,
    ],
    ['its certificate', 'lt_certified', 'sslmode=require&sslcert=FOLDER/client.crt&sslkey=FOLDER/client.key', true],
    [
      'its certificate, with a key that has a password',
      'lt_certified',
      'sslmode=require&sslcert=FOLDER/locked.crt&sslkey=FOLDER/locked.key&sslpassword=open%20sesame',
      true,
    ],
    [
      'its certificate, and the wrong password for its key',
      'lt_certified',
      'sslmode=require&sslcert=FOLDER/locked.crt&sslkey=FOLDER/locked.key&sslpassword=wrong',
      /^TLS_FAILED: /,
    ],
    [
      'no certificate where one is demanded',
      'lt_certified',
      'sslmode=require',
      /^AUTHENTICATION_FAILED: .*valid client certificate/,
    ],
    [
      'a certificate of a stranger',
      'lt_certified',
      'sslmode=require&sslcert=FOLDER/foreign.crt&sslkey=FOLDER/foreign.key',
      /^TLS_FAILED: /,
    ],
    [
      'the certificate of another role',
      'postgres',
      'sslmode=require&sslcert=FOLDER/client.crt&sslkey=FOLDER/client.key',
      /^AUTHENTICATION_FAILED: .*password/,
    ],
    [
      'a certificate that is not there',
      'lt_certified',
      'sslmode=require&sslcert=FOLDER/none.crt',
      /^CONFIG_INVALID: .*sslcert cannot be read/,
    ],
    [
      'a certificate without its key',
      'lt_certified',
      'sslmode=require&sslcert=FOLDER/client.crt&sslkey=FOLDER/none.key',
      /^CONFIG_INVALID: .*sslkey cannot be read/,
    ],
  ])('%s', async (_, role, query, expected) => {
    const answer = await connect(uriOf('127.0.0.1', query, role));
    if (typeof expected === 'boolean') expect(answer).toBe(expected);
    else expect(answer).toMatch(expected);
  });

  test.each([
    'sslmode=disable',
    'sslmode=verify-ca&sslrootcert=FOLDER/root.crt',
    'sslmode=require&channel_binding=require',
  ])('a session for tasks runs, tells its errors and is cancelled with "%s"', async (query) => {
    const settings = resolveConnection({ uri: uriOf('127.0.0.1', query) }, { HOME: '/nowhere' });
    const session = await openTaskSession(settings);
    const [row] = await session.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
    expect(row).toEqual({ ssl: query === 'sslmode=disable' ? 'f' : 't' });
    expect(await session.run('select g from generate_series(1, 100000) g')).toMatchObject({ rowCount: 100_000 });
    expect(await session.run('select haha')).toMatchObject({ error: { fields: { position: 8 } } });
    let isOver = false;
    const end = session.run('select pg_sleep(60)').finally(() => {
      isOver = true;
    });
    await eventually(async () => {
      await session.cancel();
      expect(isOver).toBe(true);
    });
    expect(await end).toMatchObject({ error: { code: '57014' } });
    await session.end();
  });

  test('the whole way with verify-full, by the name in the certificate', async () => {
    await using host = await createHost({ serverUri: server.uri });
    const verified = (uri: string) => {
      const url = new URL(uri);
      url.hostname = 'localhost';
      url.search = `?sslmode=verify-full&channel_binding=require&sslrootcert=${encodeURIComponent(certificates.pathOf('root.crt'))}`;
      return url.href;
    };
    const proof = await proveHost(host, {
      ownerUri: verified(host.owner.uri),
      callerUri: verified(host.caller.uri),
      workerUri: verified(host.worker.uri),
      meanwhile: async () => {
        const rows = await host.admin<{ ssl: boolean }>(
          'select distinct s.ssl from pg_stat_ssl as s join pg_stat_activity as a using (pid) where a.usename = $1',
          [host.worker.name],
        );
        expect(rows).toEqual([{ ssl: true }]);
      },
    });
    expect(proof).toMatchObject({ doesWorkerListen: true, doesCallerListen: true, warnings: [] });
  });

  test('a certificate that has expired is refused where it is verified', async () => {
    await show('expired');
    expect(await connect(uriOf('127.0.0.1', 'sslmode=require'))).toBe(true);
    expect(await connect(uriOf('localhost', 'sslmode=verify-full&sslrootcert=FOLDER/root.crt'))).toMatch(
      /^TLS_FAILED: The certificate of the server .* has expired/,
    );
    await show('server');
  });
});

describe('a server without TLS', () => {
  test.each([
    ['disable', false],
    ['prefer', false],
    ['require', /^TLS_FAILED: .*does not offer encrypted connections, and sslmode=require demands one/],
    ['verify-full', /^TLS_FAILED: .*does not offer encrypted connections, and sslmode=verify-full demands one/],
  ])('sslmode=%s: %s', async (mode, expected) => {
    const answer = await connect(`${inject('serverUri')}?sslmode=${mode}`);
    if (typeof expected === 'boolean') expect(answer).toBe(expected);
    else expect(answer).toMatch(expected);
  });
});
