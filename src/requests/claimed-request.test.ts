import { expect, it } from 'vitest';
import { compareAge, toClaimedRequest } from './claimed-request.ts';

it('leaves no parameters in the row, which the driver may keep', () => {
  const row = {
    id: '7',
    request_id: '0199-7',
    username: 'ada',
    parameters: '{"prompt": "long"}',
    priority: 1,
    created_us: '1',
    attempt: 1,
    retry_count: 0,
  };

  const request = toClaimedRequest(row, { functionName: 'generate', model: 'default' });

  expect(request.parameters).toEqual('{"prompt": "long"}');
  expect(row.parameters).toBeUndefined();
});

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
