import { expect, test } from 'vitest';
import { systemClock } from '../../../core/clock.ts';
import { silentLogger } from '../../../core/log.ts';
import { createTroubles } from '../../../core/recurring-trouble.ts';
import { defineModel } from '../../../models/define-model.ts';
import { failed, type ItemOutcome, invalid, succeeded, unavailable } from '../../../models/outcome.ts';
import { createInFlight } from '../in-flight.ts';
import { createModelHealth } from './model-health.ts';

const lane = { functionName: 'embed', model: 'default' } as const;
const model = defineModel({ name: 'm', runtime: 'test', fingerprint: 'm', embed: { run: async () => [] } });

/** The models that are unavailable after calls that were answered so. */
function unavailableAfter(...calls: ItemOutcome<string>[][]): string[] {
  const health = createModelHealth({
    served: { lanes: [lane], report: { served: [], notServed: [] }, modelOf: () => model },
    troubles: createTroubles({ log: silentLogger, clock: systemClock }),
    clock: systemClock,
  });
  const inFlight = createInFlight();
  for (const [number, answers] of calls.entries()) {
    const requests = answers.map((_, at) => ({
      ...{ lane, parameters: '{}', priority: 0, createdUs: '0', attempt: 1, retryCount: 0, username: 'u' },
      ...{ id: `${number}${at}`, requestId: `${number}${at}` },
    }));
    const entry = inFlight.add({ workerId: 'w', claimNumber: number }, requests);
    health.note(
      model,
      entry.map((each, at) => ({ entry: each, answer: answers[at] ?? succeeded('r') })),
    );
  }
  return health.list().map((trouble) => trouble.model);
}

const away = unavailable('away');

test('a model is unavailable from a call of which nothing was answered because of it', () => {
  expect(unavailableAfter([away, away])).toEqual(['m']);
  expect(unavailableAfter([away, succeeded('r')])).toEqual([]);
});

test.each([
  ['an answer', [succeeded('r'), away], []],
  ['requests that all failed', [failed('f'), failed('f')], []],
  ['requests that all are invalid', [invalid('i')], []],
  ['an invalid request among those that find it away', [invalid('i'), away], ['m']],
  ['a call without answers', [], ['m']],
])('after %s it is: %s', (_, answers, expected) => {
  expect(unavailableAfter([away], answers)).toEqual(expected);
});
