import process from 'node:process';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { compileProgram } from './compiled-program.ts';
import { createMemoryFolder } from './memory-folder.ts';
import { postgresMajorFolder } from './postgres-major.ts';
import { createTemplate, dropLeftovers } from './template.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The maintenance database of the server under test, as a superuser. */
    serverUri: string;
    /** Begins the name of each database and role of this run. */
    runPrefix: string;
  }
}

interface SharedServer {
  readonly uri: string;
  readonly runPrefix: string;
  stop(): Promise<void>;
}

interface Shared {
  server?: Promise<SharedServer>;
  users: number;
}

/** Vitest loads this module once for each project; what they have in common is the process. */
const holder = globalThis as { lamplighterTests?: Shared }; // a property of our own
holder.lamplighterTests ??= { users: 0 };
const shared = holder.lamplighterTests;

/** Vitest global setup: one PostgreSQL server and one migrated template database for all projects and test files of a run. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  shared.users += 1;
  shared.server ??= compileProgram().then(startShared);
  const { uri, runPrefix, stop } = await shared.server;
  project.provide('serverUri', uri);
  project.provide('runPrefix', runPrefix);
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    delete shared.server;
    await stop();
  };
}

async function startShared(): Promise<SharedServer> {
  const folder = await createMemoryFolder();
  // Inherited by what runs the tests, and by the programs and servers that they start.
  if (folder !== undefined) process.env['TMPDIR'] = folder.path;
  let server: Awaited<ReturnType<typeof startServer>> | undefined;
  const stop = async () => {
    await server?.stop();
    await folder?.remove();
  };
  const runPrefix = `lt_${process.pid}_${Date.now().toString(36)}`;
  try {
    server = await startServer();
    await createTemplate(server.uri, runPrefix);
  } catch (error) {
    await stop();
    throw error;
  }
  const { uri } = server;
  return { uri, runPrefix, stop: () => dropLeftovers(uri, runPrefix).finally(stop) };
}

/** `TEST_DATABASE_URL` if it is set; otherwise an embedded server of the major version in `LAMPLIGHTER_TEST_PG_MAJOR`. */
async function startServer(): Promise<{ uri: string; stop(): Promise<void> }> {
  const uri = process.env['TEST_DATABASE_URL'];
  if (uri) return { uri, stop: async () => undefined };
  return startEmbeddedServer({
    packageFolder: await postgresMajorFolder(process.env['LAMPLIGHTER_TEST_PG_MAJOR'] || '18'),
    persistent: false,
    settings: { max_connections: '200', fsync: 'off', full_page_writes: 'off' },
  });
}
