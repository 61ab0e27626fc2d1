import { expect, test } from 'vitest';
import { SHORT_LEASE } from '../faults/support/fault-rig.ts';
import { type Downfall, promote, startStandby } from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import { setUpOutages } from './outage-scene.ts';

const scene = setUpOutages();

test.each<Downfall>(['fast', 'immediate', 'kill'])(
  'the server goes down (%s) for longer than a lease',
  async (downfall) => {
    const { startTable, expectProven } = scene();
    const table = await startTable();
    await scene().server.stop(downfall);
    const downMs = performance.now();
    await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 1.1));
    await scene().server.start();
    await expectProven(table);
  },
  90_000,
);

test('a daemon is frozen for longer than its lease while it computes, and goes on', async () => {
  const { rig, startTable, expectProven } = scene();
  const table = await startTable();
  await rig.write(`update ${table.table} set body = '!sleep:1500 ' || body where id % 4 = 0`);
  const [first] = scene().daemons;
  first?.kill('SIGSTOP');
  await rig.write(`update ${table.table} set body = 'meanwhile ' || id where id % 2 = 0`);
  const frozenMs = performance.now();
  await eventually(() => expect(performance.now() - frozenMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 2));
  first?.kill('SIGCONT');
  await expectProven(table);
}, 90_000);

test('a standby takes over', async () => {
  const { name, calm, startTable, expectProven } = scene();
  const table = await startTable();
  const standby = await startStandby(scene().server);
  const { committed } = table.writer;
  await eventually(() => expect(table.writer.committed).toBeGreaterThan(committed + 5), { timeoutMs: 20_000 });
  await scene().server.stop('kill');
  name.pointAt(standby.port);
  calm.pointAt(standby.port);
  await promote(standby);
  await expectProven(table);
  const old = scene().server;
  scene().server = standby;
  await old[Symbol.asyncDispose]();
}, 120_000);

test('no daemon runs while rows change', async () => {
  const { startTable, expectProven } = scene();
  const table = await startTable();
  for (const daemon of scene().daemons) daemon.kill('SIGKILL');
  await Promise.all(scene().daemons.map(({ exited }) => exited));
  const { committed } = table.writer;
  await eventually(() => expect(table.writer.committed).toBeGreaterThan(committed + 50), { timeoutMs: 20_000 });
  scene().daemons = await Promise.all([scene().spawn(), scene().spawn()]);
  await expectProven(table);
}, 90_000);
