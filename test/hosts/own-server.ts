import { copyFile, link, mkdir, mkdtemp, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBinaries } from '../../src/db/embedded/binaries.ts';
import {
  type EmbeddedServer,
  type EmbeddedServerOptions,
  startEmbeddedServer,
} from '../../src/db/embedded/embedded-server.ts';
import { postgresMajorFolder } from '../support/postgres-major.ts';
import { serverMajor } from './server-major.ts';

export interface OwnServer extends EmbeddedServer, AsyncDisposable {}

export type OwnServerOptions = Partial<Pick<EmbeddedServerOptions, 'settings' | 'dataDir' | 'persistent'>> & {
  /** Contrib modules that this server does not have. */
  readonly without?: readonly string[];
};

/** A server for one test, of the same major version as the server of the run; its data is on no safe ground. */
export async function startOwnServer(options: OwnServerOptions = {}): Promise<OwnServer> {
  const { without = [], settings = {}, persistent = false, dataDir } = options;
  const installed = await postgresMajorFolder(String(await serverMajor()));
  const folder = without.length === 0 ? undefined : await mkdtemp(join(tmpdir(), 'lamplighter-postgres-'));
  const removeFolder = () => (folder === undefined ? undefined : rm(folder, { recursive: true, force: true }));
  try {
    if (folder !== undefined) await copyBinaries(installed, folder, without);
    const server = await startEmbeddedServer({
      persistent,
      dataDir,
      packageFolder: folder ?? installed,
      settings: { fsync: 'off', full_page_writes: 'off', ...settings },
    });
    const stop = async () => {
      await server.stop();
      await removeFolder();
    };
    return { ...server, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/**
 * The same build without the files of some modules, neither library nor control file: what the server cannot find it does not offer.
 * Hard links where possible, as a server looks for its files beside the program that a symbolic link leads to.
 */
async function copyBinaries(installed: string | undefined, folder: string, without: readonly string[]): Promise<void> {
  const native = findBinaries(installed).folder;
  const isLeftOut = (name: string) =>
    without.some((module) => name.startsWith(`${module}.`) || name.startsWith(`${module}--`));
  async function copy(from: string, to: string): Promise<void> {
    await mkdir(to, { mode: 0o755 });
    for (const entry of await readdir(from, { withFileTypes: true })) {
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (isLeftOut(entry.name)) continue;
      if (entry.isDirectory()) await copy(source, target);
      else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
      else await link(source, target).catch(() => copyFile(source, target));
    }
  }
  await copy(native, join(folder, 'native'));
  await copyFile(join(native, '..', 'package.json'), join(folder, 'package.json'));
}
