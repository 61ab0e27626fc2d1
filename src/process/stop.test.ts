import { expect, test } from 'vitest';
import { systemClock } from '../core/clock.ts';
import { createLogger } from '../core/log.ts';
import { createStop } from './stop.ts';

test('a process says that it stops once its last claim is over, and before it waits for what runs', async () => {
  const events: string[] = [];
  let endClaim: () => void = () => undefined;
  let endWork: () => void = () => undefined;
  const claim = new Promise<void>((resolve) => {
    endClaim = resolve;
  });
  const work = new Promise<void>((resolve) => {
    endWork = resolve;
  });
  const workload = {
    name: 'requests',
    inFlight: 0,
    async stopClaiming() {
      events.push('asked to stop claiming');
      await claim;
      events.push('claims nothing more');
    },
    async idle() {
      events.push('waits for what runs');
      await work;
    },
    abort: () => events.push('aborted'),
  };
  const stop = createStop({
    kind: 'worker',
    lease: {
      announceStopping() {
        events.push('says so');
        endWork();
      },
    },
    workloads: [workload],
    services: [{ stop: async () => void events.push('closed') }],
    log: createLogger({ destination: { write: () => undefined } }),
    clock: systemClock,
  });
  const stopped = stop();
  expect(events).toEqual(['asked to stop claiming']);
  endClaim();
  await stopped;
  expect(events).toEqual(['asked to stop claiming', 'claims nothing more', 'says so', 'waits for what runs', 'closed']);
});
