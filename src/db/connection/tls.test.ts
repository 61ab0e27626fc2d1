import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Keywords } from './connection-keywords.ts';
import { encryptionsToTry, planTls } from './tls.ts';

let home = '';
let root = '';
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'lamplighter-tls-'));
  root = join(home, 'own.crt');
  writeFileSync(root, 'ROOT');
});
afterAll(() => rmSync(home, { recursive: true }));

const plan = (keywords: Keywords, folder = home) => planTls(keywords, { HOME: folder }, '--uri');

test.each([
  ['disable', ['plain']],
  ['allow', ['plain', 'tls']],
  ['prefer', ['tls', 'plain']],
  ['require', ['tls']],
  ['no-verify', ['tls']],
  ['verify-full', ['tls']],
] as const)('sslmode=%s tries %j', (sslmode, encryptions) => {
  expect(encryptionsToTry(plan({ sslmode }), 'h')).toEqual(encryptions);
});

test('sockets are never encrypted, and prefer is the default', () => {
  expect(encryptionsToTry(plan({ sslmode: 'require' }), '/tmp')).toEqual(['plain']);
  expect(plan({}).mode).toBe('prefer');
});

describe('without a root certificate', () => {
  test.each(['allow', 'prefer', 'require', 'no-verify'] as const)('%s verifies nothing', (sslmode) => {
    expect(plan({ sslmode }).options).toMatchObject({ rejectUnauthorized: false });
  });
  test('a root certificate that is named but not there is the same as none', () => {
    expect(plan({ sslmode: 'require', sslrootcert: join(home, 'none') }).options.rejectUnauthorized).toBe(false);
  });
  test('verify-ca is refused, and so is verify-full when the named file is not there', () => {
    expect(() => plan({ sslmode: 'verify-ca' })).toThrow(/sslmode=verify-ca, and sslrootcert is not set/);
    expect(() => plan({ sslmode: 'verify-full', sslrootcert: join(home, 'none') })).toThrow(/there is no file/);
  });
  test("verify-full verifies authority and name with the system's authorities", () => {
    const { options } = plan({ sslmode: 'verify-full' });
    expect(options.rejectUnauthorized).toBe(true);
    expect(options.checkServerIdentity).toBeUndefined();
    expect(options.ca).toEqual(expect.arrayContaining([rootCertificates[0]]));
  });
});

describe('with a root certificate', () => {
  test.each(['allow', 'prefer', 'require', 'verify-ca'] as const)(
    '%s verifies the authority and not the name',
    (sslmode) => {
      const { options } = plan({ sslmode, sslrootcert: root });
      expect(options).toMatchObject({ rejectUnauthorized: true, ca: ['ROOT'] });
      expect(options.checkServerIdentity?.('h', {} as never)).toBeUndefined();
    },
  );
  test('verify-full verifies the name too', () => {
    const { options } = plan({ sslmode: 'verify-full', sslrootcert: root });
    expect(options).toMatchObject({ rejectUnauthorized: true, ca: ['ROOT'] });
    expect(options.checkServerIdentity).toBeUndefined();
  });
  test('system means verify-full, and nothing weaker', () => {
    expect(plan({ sslrootcert: 'system' }).mode).toBe('verify-full');
    expect(() => plan({ sslrootcert: 'system', sslmode: 'require' })).toThrow(/expected sslmode=verify-full/);
  });
});

test("libpq's default files are found, and the client certificate is sent", () => {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-tls-home-'));
  mkdirSync(join(folder, '.postgresql'));
  for (const name of ['root.crt', 'postgresql.crt', 'postgresql.key'])
    writeFileSync(join(folder, '.postgresql', name), name);
  expect(plan({ sslpassword: 'x' }, folder).options).toMatchObject({
    ca: ['root.crt'],
    cert: 'postgresql.crt',
    key: 'postgresql.key',
    passphrase: 'x',
  });
  rmSync(folder, { recursive: true });
});

test('a client certificate that cannot be read is refused', () => {
  expect(() => plan({ sslcert: join(home, 'none') })).toThrow(/sslcert cannot be read/);
});

test('direct negotiation needs a mode that always encrypts', () => {
  expect(plan({ sslnegotiation: 'direct', sslmode: 'require' }).negotiation).toBe('direct');
  expect(() => plan({ sslnegotiation: 'direct' })).toThrow(/sslmode=require or stronger/);
});

test('the allowed protocol versions are handed on', () => {
  expect(plan({ ssl_min_protocol_version: 'TLSv1.3' }).options.minVersion).toBe('TLSv1.3');
  expect(() => plan({ ssl_min_protocol_version: 'SSLv3' })).toThrow(/expected a TLS version/);
});
