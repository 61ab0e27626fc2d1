import { expect, it } from 'vitest';
import { compareAge } from './claimed-request.ts';

it('orders by age to the microsecond, also in the far future', () => {
  const requests = ['221845392000000002', '221845392000000001', '1'].map((createdUs, at) => ({
    createdUs,
    id: String(at),
  }));
  expect(requests.sort(compareAge).map(({ createdUs }) => createdUs)).toEqual([
    '1',
    '221845392000000001',
    '221845392000000002',
  ]);
});
