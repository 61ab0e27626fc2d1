import { expect, test } from 'vitest';
import { recentText } from './requests-section.ts';

test('where more wait than were counted, more may have been queued, too', () => {
  const recent = { enqueued: 20_000, completed: 1, failed: 0, cancelled: 0, retries: 0 };
  expect(recentText(recent)).toBe('last hour: queued 20000, completed 1, failed 0, cancelled 0');
  expect(recentText(recent, false)).toBe('last hour: queued 20000 or more, completed 1, failed 0, cancelled 0');
});
