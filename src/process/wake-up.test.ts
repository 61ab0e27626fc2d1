import { expect, test } from 'vitest';
import { parseWakeUp } from './wake-up.ts';

test('a wake-up names its topic and the epoch of the request for it', () => {
  expect(parseWakeUp('tasks:42')).toEqual({ topic: 'tasks', epoch: '42' });
});

test('a scan has no epoch to confirm', () => {
  expect(parseWakeUp('requests:scan')).toEqual({ topic: 'requests', epoch: undefined });
});

test.each(['', '1', 'requests', 'requests:', 'requests:-1', `requests:${'9'.repeat(30)}`, 'others:1', 'requests:1 '])(
  'the payload %j is no wake-up',
  (payload) => {
    expect(parseWakeUp(payload)).toBeUndefined();
  },
);
