import { expect, test } from 'vitest';
import { engineEnvironment } from './engine-environment.ts';

test('an engine gets no address, password or key', () => {
  const env = { PATH: '/bin', DATABASE_URL: 'postgresql://a:b@c/d', PGPASSWORD: 'b', OPENAI_API_KEY: 'k' };
  expect(engineEnvironment(env)).toEqual({ PATH: '/bin', ORT_DISABLE_TELEMETRY: '1' });
});

test('an engine sends no telemetry, whatever the environment says', () => {
  expect(engineEnvironment({ ORT_DISABLE_TELEMETRY: '0' })).toEqual({ ORT_DISABLE_TELEMETRY: '1' });
});
