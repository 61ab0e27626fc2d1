import process from 'node:process';
import type { TestProject } from 'vitest/node';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { compileProgram } from './compiled-program.ts';
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
  const server = await startServer();
  const runPrefix = `lt_${process.pid}_${Date.now().toString(36)}`;
  try {
    await createTemplate(server.uri, runPrefix);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    uri: server.uri,
    runPrefix,
    async stop() {
      try {
        await dropLeftovers(server.uri, runPrefix);
      } finally {
        await server.stop();
      }
    },
  };
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
