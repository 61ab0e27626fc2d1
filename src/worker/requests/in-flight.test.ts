import { expect, test } from 'vitest';
import type { ClaimedRequest } from '../../requests/claimed-request.ts';
import { createInFlight } from './in-flight.ts';

const claim = (workerId: string, claimNumber = 1) => ({ workerId, claimNumber });
const request = (id: string, attempt = 1): ClaimedRequest => ({
  id,
  requestId: `request ${id}`,
  lane: { functionName: 'embed', model: 'default' },
  username: 'app',
  parameters: '{}',
  priority: 0,
  createdUs: '0',
  attempt,
  retryCount: 0,
});

test('what is added is held until it is removed, and emptiness is told', async () => {
  const inFlight = createInFlight();
  const [one, two] = inFlight.add(claim('w'), [request('1'), request('2')]);
  if (one === undefined || two === undefined) throw new Error('two were added');
  expect([inFlight.size, inFlight.has('request 1'), inFlight.hasAnyOf('w'), inFlight.hasAnyOf('v')]).toEqual([
    2,
    true,
    true,
    false,
  ]);
  const events: string[] = [];
  const empty = inFlight.empty().then(() => events.push('empty'));
  void one.settled.then(() => events.push('one'));
  inFlight.remove(one);
  await one.settled;
  expect(inFlight.list()).toEqual([two]);
  inFlight.remove(two);
  await empty;
  expect(events).toEqual(['one', 'empty']);
  await inFlight.empty();
});

test('a request that is claimed anew takes the place of its earlier hold, whose end changes nothing', async () => {
  const inFlight = createInFlight();
  const [earlier] = inFlight.add(claim('old id'), [request('1', 1)]);
  const [later] = inFlight.add(claim('new id'), [request('1', 2)]);
  if (earlier === undefined || later === undefined) throw new Error('both were added');
  await earlier.settled;
  expect(earlier.abortReason).toBe('lost');
  inFlight.abort(earlier, 'lost');
  inFlight.remove(earlier);
  expect(inFlight.list()).toEqual([later]);
  expect(later.abortReason).toBeUndefined();
  inFlight.remove(later);
  expect(inFlight.size).toBe(0);
});

test('work is broken off by request, by worker id, or altogether; each is told once', () => {
  const inFlight = createInFlight();
  const held = [...inFlight.add(claim('v'), [request('1'), request('2')]), ...inFlight.add(claim('w'), [request('3')])];
  const told: string[] = [];
  for (const hold of held) hold.onAbort = () => told.push(hold.request.id);
  const reasons = () => held.map(({ abortReason }) => abortReason);
  const [first] = held;
  if (first !== undefined) inFlight.abort(first, 'lost');
  expect(reasons()).toEqual(['lost', undefined, undefined]);
  inFlight.abortAll('lost', 'v');
  expect(reasons()).toEqual(['lost', 'lost', undefined]);
  inFlight.abortAll('stopping');
  expect(reasons()).toEqual(['lost', 'lost', 'stopping']);
  expect(told).toEqual(['1', '2', '3']);
});

test('a claim is settled once nothing of it is held any more, and named until it is forgotten', () => {
  const inFlight = createInFlight();
  const [one, two] = inFlight.add(claim('w', 1), [request('1'), request('2')]);
  inFlight.add(claim('w', 2), [request('3')]);
  const [again] = inFlight.add(claim('w', 3), [request('1', 2)]);
  if (one === undefined || two === undefined || again === undefined) throw new Error('they were added');
  inFlight.remove(one);
  expect(inFlight.listSettledClaims('w')).toEqual([]);
  inFlight.remove(two);
  inFlight.remove(two);
  expect(inFlight.listSettledClaims('w')).toEqual([1]);
  inFlight.remove(again);
  inFlight.forgetClaims('w', [1]);
  expect(inFlight.listSettledClaims('w')).toEqual([3]);
  inFlight.forgetClaims('w');
  expect(inFlight.listSettledClaims('w')).toEqual([]);
});
