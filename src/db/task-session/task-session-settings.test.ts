import pg from 'pg';
import { expect, test } from 'vitest';
import { acceptedSettings, noteRefusal } from './task-session-settings.ts';

function refusal(code: string, message: string): Error {
  return Object.assign(new pg.DatabaseError(message, 0, 'error'), { code, severity: 'FATAL' });
}
const UNKNOWN = refusal('42704', 'unrecognized configuration parameter "transaction_timeout"');

test('of several that log in at a time, each learns that another login will do', () => {
  const address = { host: 'refusing.test', port: 5432 };
  const [first, second] = [acceptedSettings(address), acceptedSettings(address)];
  expect(noteRefusal(address, first, UNKNOWN)).toBe(true);
  expect(noteRefusal(address, second, UNKNOWN)).toBe(true);
  expect(acceptedSettings(address).map(({ name }) => name)).not.toContain('transaction_timeout');
  expect(noteRefusal(address, acceptedSettings(address), UNKNOWN)).toBe(false);
});

test('what takes no settings at login is asked for none the second time, and other refusals are passed on', () => {
  const address = { host: 'pooler.test', port: 5432 };
  const asked = acceptedSettings(address);
  expect(noteRefusal(address, asked, refusal('28P01', 'password authentication failed'))).toBe(false);
  expect(noteRefusal(address, asked, refusal('08P01', 'unsupported startup parameter: options'))).toBe(true);
  expect(acceptedSettings(address)).toEqual([]);
  expect(noteRefusal(address, [], refusal('08P01', 'unsupported startup parameter: options'))).toBe(false);
});
