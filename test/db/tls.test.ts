import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/db/connect-client.ts';
import { resolveConnection } from '../../src/db/connection-settings.ts';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { eventually } from '../support/eventually.ts';

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!hasOpenssl)('a server whose certificate is for localhost, signed by an authority of its own', () => {
  let folder = '';
  let server: EmbeddedServer;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lamplighter-tls-'));
    makeAuthority('root');
    makeAuthority('stranger');
    makeServerCertificate();
    server = await startEmbeddedServer({ persistent: false });
    const session = await connectClient(resolveConnection({ uri: server.uri }, {}));
    // The server's own user has to own the key.
    for (const name of ['server.crt', 'server.key']) {
      const pem = readFileSync(join(folder, name), 'utf8').replaceAll('\n', '\\n');
      await session.query(`copy (select 1) to program 'printf %b "${pem}" > ${name}; chmod 600 ${name}'`);
    }
    await session.query('alter system set ssl = on');
    await session.query('select pg_reload_conf()');
    await session.end();
    await eventually(async () => expect(await connect('127.0.0.1', 'sslmode=require')).toBe(true));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  function makeAuthority(name: string): void {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.crt`,
    );
  }
  function makeServerCertificate(): void {
    openssl(
      'req',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-subj',
      '/CN=localhost',
      '-keyout',
      'server.key',
      '-out',
      'server.csr',
    );
    writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost\n');
    openssl(
      'x509',
      '-req',
      '-in',
      'server.csr',
      '-CA',
      'root.crt',
      '-CAkey',
      'root.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'names',
      '-out',
      'server.crt',
    );
  }

  /** Whether the server sees an encrypted session, or the code of the error. */
  async function connect(host: string, query: string): Promise<boolean | string> {
    const login = `${server.user}:${server.password}`;
    const uri = `postgres://${login}@${host}:${server.port}/postgres?${query.replaceAll('FOLDER', encodeURIComponent(folder))}`;
    try {
      const session = await connectClient(resolveConnection({ uri }, { HOME: folder }));
      const { rows } = await session.query<{ ssl: boolean }>(
        'select ssl from pg_stat_ssl where pid = pg_backend_pid()',
      );
      await session.end();
      return rows[0]?.ssl ?? 'no row';
    } catch (error) {
      return error instanceof Error && 'code' in error ? `${error.code}` : 'unknown';
    }
  }

  test.each([
    ['127.0.0.1', 'sslmode=disable', false],
    ['127.0.0.1', 'sslmode=allow', false],
    ['127.0.0.1', 'sslmode=prefer', true],
    ['127.0.0.1', '', true],
    ['127.0.0.1', 'sslmode=require', true],
    ['127.0.0.1', 'sslmode=no-verify', true],
    ['127.0.0.1', 'sslmode=require&sslrootcert=FOLDER/root.crt', true],
    ['127.0.0.1', 'sslmode=require&sslrootcert=FOLDER/stranger.crt', 'TLS_FAILED'],
    ['127.0.0.1', 'sslmode=prefer&sslrootcert=FOLDER/stranger.crt', false],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/root.crt', true],
    ['127.0.0.1', 'sslmode=verify-ca&sslrootcert=FOLDER/stranger.crt', 'TLS_FAILED'],
    ['127.0.0.1', 'sslmode=verify-full&sslrootcert=FOLDER/root.crt', 'TLS_FAILED'],
    ['localhost', 'sslmode=verify-full&sslrootcert=FOLDER/root.crt', true],
    ['localhost', 'sslmode=verify-full', 'TLS_FAILED'],
    ['localhost', 'sslrootcert=system', 'TLS_FAILED'],
    ['127.0.0.1', 'sslmode=require&channel_binding=require', true],
    ['127.0.0.1', 'sslmode=allow&channel_binding=require', 'AUTHENTICATION_FAILED'],
  ])('%s with "%s": %s', async (host, query, expected) => {
    expect(await connect(host, query)).toBe(expected);
  });

  test('a name that the certificate does not hold is told', async () => {
    const uri = `postgres://${server.user}:${server.password}@127.0.0.1:${server.port}/postgres?sslmode=verify-full&sslrootcert=${encodeURIComponent(join(folder, 'root.crt'))}`;
    await expect(connectClient(resolveConnection({ uri }, {}))).rejects.toThrow(/certificate .* is for another name/);
  });
});
