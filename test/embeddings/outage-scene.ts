import { afterAll, beforeAll, expect } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { type FaultServer, startFaultServer } from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { createVectorRig, type VectorRig, type Writer } from './vector-rig.ts';

/** A table that is written to all the time, while both daemons serve it. */
export interface WrittenTable {
  readonly table: string;
  readonly writer: Writer;
}

/** What the tests of one file do to a server, its connections and two daemons. */
export interface OutageScene {
  /** Another one once a standby took over. */
  server: FaultServer;
  /** The name by which the daemons find whoever is the primary. */
  readonly name: FaultProxy;
  /** The same for writers and the check; nothing is hit here. */
  readonly calm: FaultProxy;
  readonly rig: VectorRig;
  daemons: readonly SpawnedProcess[];
  /** A daemon beside those that are there. */
  spawn(): Promise<SpawnedProcess>;
  startTable(): Promise<WrittenTable>;
  /** Writers go on, and then every vector is right; the job is given up, so that the next test has the daemons for itself. */
  expectProven(written: WrittenTable): Promise<void>;
}

/** A server of its own and two daemons for the tests of a file, from the first of them to the last. */
export function setUpOutages(): () => OutageScene {
  let scene: OutageScene | undefined;
  beforeAll(async () => {
    scene = await openScene();
  }, 60_000);
  afterAll(async () => {
    if (scene === undefined) return;
    for (const daemon of scene.daemons) await daemon[Symbol.asyncDispose]();
    for (const part of [scene.rig, scene.name, scene.calm, scene.server]) await part[Symbol.asyncDispose]();
  }, 60_000);
  return () => {
    if (scene === undefined) throw new Error('there is a scene from the first test on');
    return scene;
  };
}

async function openScene(): Promise<OutageScene> {
  const server = await startFaultServer();
  const { uri } = await server.createDatabase();
  const name = await startFaultProxy(server.port);
  const calm = await startFaultProxy(server.port);
  const rig = await createVectorRig({ uri: calm.through(uri) });
  const spawn = () => rig.spawn({ uri: name.through(uri) });
  let tables = 0;
  return {
    server,
    name,
    calm,
    rig,
    daemons: await Promise.all([spawn(), spawn()]),
    spawn,
    async startTable() {
      tables += 1;
      const table = `outage_${tables}`;
      await rig.addTable(table, 60);
      const writer = rig.startWriter(table, tables);
      await eventually(() => expect(writer.committed).toBeGreaterThan(10), { timeoutMs: 20_000 });
      return { table, writer };
    },
    async expectProven({ table, writer }) {
      const { committed } = writer;
      await eventually(() => expect(writer.committed).toBeGreaterThan(committed + 5), { timeoutMs: 20_000 });
      await writer.stop();
      await rig.expectProven({ tables: [table], timeoutMs: 45_000 });
      await rig.pool.query('delete from jobs');
    },
  };
}
