import { execFile, spawnSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chooseRunAs } from '../../src/db/embedded/run-as.ts';

/** Whether there is an `openssl` to make certificates with. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

export interface CertificateOptions {
  /** The name of the authority that signs it. */
  readonly authority: string;
  /** Common name of the subject. */
  readonly subject: string;
  /** DNS name that it is for; none for a client's. */
  readonly dnsName?: string;
  /** Negative for one that has expired. @default 2 */
  readonly days?: number;
  /** Encrypts its key. */
  readonly password?: string;
}

/** A folder of keys and certificates: `NAME.crt` and `NAME.key`. */
export interface CertificateFolder extends AsyncDisposable {
  readonly folder: string;
  pathOf(file: string): string;
  makeAuthority(name: string): Promise<void>;
  makeCertificate(name: string, options: CertificateOptions): Promise<void>;
}

const EC_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];

/** A new folder, which the user that PostgreSQL runs as can read; needs {@link hasOpenssl}. */
export async function createCertificateFolder(): Promise<CertificateFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-certificates-'));
  await chmod(folder, 0o755);
  const pathOf = (file: string) => join(folder, file);
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });

  /** PostgreSQL wants its key to be its own and nobody else's to read. */
  async function handToServer(key: string): Promise<void> {
    const runAs = chooseRunAs();
    await chmod(pathOf(key), 0o600);
    if (runAs !== undefined) await chown(pathOf(key), runAs.uid, runAs.gid);
  }

  return {
    folder,
    pathOf,
    async makeAuthority(name) {
      const files = ['-keyout', `${name}.key`, '-out', `${name}.crt`];
      await openssl('req', '-x509', ...EC_KEY, '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...files);
    },
    async makeCertificate(name, { authority, subject, dnsName, days = 2, password }) {
      const protection = password === undefined ? ['-nodes'] : ['-passout', `pass:${password}`];
      const request = ['-keyout', `${name}.key`, '-out', `${name}.csr`];
      await openssl('req', ...EC_KEY, ...protection, '-subj', `/CN=${subject}`, ...request);
      await writeFile(pathOf(`${name}.ext`), dnsName === undefined ? '' : `subjectAltName=DNS:${dnsName}\n`);
      const signer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
      const result = ['-days', String(days), '-extfile', `${name}.ext`, '-out', `${name}.crt`];
      await openssl('x509', '-req', '-in', `${name}.csr`, ...signer, ...result);
      await handToServer(`${name}.key`);
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
