import { expect, it } from 'vitest';
import { toClaimedRequest } from './claim-requests.ts';

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
