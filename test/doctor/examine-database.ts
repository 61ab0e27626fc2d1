import type { Flags } from '../../src/cli/cli-option.ts';
import { type NamedFinding, THRESHOLDS, type Thresholds } from '../../src/cli/doctor/check.ts';
import { CHECKS } from '../../src/cli/doctor/checks.ts';
import { examine } from '../../src/cli/doctor/examine.ts';
import type { Env } from '../../src/core/env.ts';
import { silentLogger } from '../../src/core/log.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createProviders } from '../../src/models/create-providers.ts';

export interface ExamineOptions {
  /** @default all */
  readonly names?: readonly string[];
  readonly thresholds?: Partial<Thresholds>;
  readonly env?: Env;
  readonly flags?: Flags;
}

/** What `lamplighter doctor` finds in a database, without the time that a process takes to start. */
export async function examineDatabase(
  uri: string,
  { names, thresholds = {}, env = {}, flags = {} }: ExamineOptions = {},
): Promise<readonly NamedFinding[]> {
  const { signal } = new AbortController();
  const { findings } = await examine({
    invocation: {
      flags,
      env,
      interruption: { first: signal, second: signal, cause: undefined },
      log: silentLogger,
      providers: createProviders({ env }),
    },
    settings: resolveConnection({ uri }, env),
    checks: CHECKS.filter(({ name }) => names?.includes(name) ?? true),
    thresholds: { ...THRESHOLDS, ...thresholds },
  });
  return findings;
}

/** Those that somebody has to do something about. */
export async function complaintsOf(uri: string, options: ExamineOptions = {}): Promise<readonly NamedFinding[]> {
  return (await examineDatabase(uri, options)).filter(({ state }) => state === 'warning' || state === 'broken');
}
