import { expect, test } from 'vitest';
import { isLamplighterError } from '../../src/core/errors.ts';
import { redact } from '../../src/core/redact.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { describeConnection, toKeywordValueDsn } from '../../src/db/connection/connection-text.ts';
import { planFuzz } from './fuzz.ts';
import { hostileConnection, SECRET } from './hostile-connection.ts';

const fuzz = planFuzz('connection strings', ['understood', 'refused', 'password found']);

test(`any connection string is understood or refused, and shows no password ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  await fuzz.run(hostileConnection, async ({ flags, env }) => {
    let told: string[];
    try {
      const settings = resolveConnection(flags, env);
      fuzz.count(settings.password?.includes(SECRET) === true ? 'password found' : 'understood');
      expect(settings.port).toSatisfy((port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535);
      expect(settings.connectTimeoutMs).toSatisfy((ms: number) => ms >= 2_000);
      // What the server's own parser gets for the loopback connection is what was meant.
      expect(toKeywordValueDsn(settings)).toMatch(/^(\w+='(?:[^'\\]|\\.)*' ?)+$/s);
      told = [
        describeConnection(settings),
        settings.origin ?? '',
        settings.passwordOrigin ?? '',
        ...(settings.warnings ?? []),
      ];
    } catch (error) {
      if (!isLamplighterError(error)) throw error;
      fuzz.count('refused');
      expect(error.code).toBe('CONFIG_INVALID');
      told = [error.message, error.hint ?? ''];
    }
    expect(redact(told.join('\n'))).not.toContain(SECRET);
  });
});
