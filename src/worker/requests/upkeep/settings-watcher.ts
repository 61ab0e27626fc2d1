import { parseDuration } from '../../../core/duration.ts';
import type { Logger } from '../../../core/log.ts';
import type { Troubles } from '../../../core/recurring-trouble.ts';
import { connectClient } from '../../../db/connection/connect-client.ts';
import { type ConnectionSettings, directOf } from '../../../db/connection/connection-settings.ts';
import type { Queryable } from '../../../db/query.ts';
import type { Duty } from '../../../process/duties.ts';
import type { PublishedSetting } from '../../../process/renew-lease.ts';
import type { WorkloadContext } from '../../../process/workload.ts';
import {
  readServerSettings,
  recordServerSettings,
  type ServerSettings,
  type SettingName,
} from '../../../requests/server-settings.ts';

const INTERVAL_MS = 5_000;

/** What may change while the worker runs. */
export interface LiveSettings {
  concurrency: number;
  pollIntervalMs: number;
}

const OPTIONS: Readonly<Partial<Record<string, keyof LiveSettings>>> = {
  worker_concurrency: 'concurrency',
  worker_poll_interval: 'pollIntervalMs',
};

export interface SettingsWatcherDeps {
  readonly db: Queryable;
  readonly settings: ConnectionSettings;
  /** Runs what opens a session and closes it soon. */
  readonly withShortSession: WorkloadContext['withShortSession'];
  readonly live: LiveSettings;
  /** Options given by flag, variable or code: the database does not change these. */
  readonly fixed: ReadonlySet<keyof LiveSettings>;
  /** Told after a change. */
  readonly onChange: () => void;
  readonly log: Logger;
  readonly troubles: Troubles;
}

export interface SettingsWatcher extends Duty {
  /** Makes what was published take effect on this worker. */
  apply(published: readonly PublishedSetting[]): void;
}

/**
 * Duty: makes settings in the database take effect on all workers and callers. Reads them in a fresh session, as an open one never sees
 * ALTER DATABASE and ALTER ROLE, and publishes what it saw in lamplighter.setting, where callers look; the other workers hear of it with
 * their heartbeats. Has read them once when it resolves.
 */
export async function createSettingsWatcher(deps: SettingsWatcherDeps): Promise<SettingsWatcher> {
  const { db, settings, withShortSession, live, fixed, onChange, log, troubles } = deps;
  const defaults: Readonly<LiveSettings> = { ...live };
  /** The last complaint about each setting. */
  const told = new Map<string, string | undefined>();

  function complain(name: SettingName, problem: string | undefined): void {
    if (problem !== undefined && told.get(name) !== problem) {
      log.warn({ setting: `steadytext.${name}`, problem }, 'a server setting is not valid and was ignored');
    }
    told.set(name, problem);
  }

  function apply({ name, value, origin }: PublishedSetting): void {
    const option = OPTIONS[name];
    if (option === undefined || fixed.has(option)) return;
    const next = origin === 'default' ? defaults[option] : parse(option, value);
    if (next === undefined || next === live[option]) return;
    log.info({ setting: name, from: live[option], to: next, origin }, 'a setting changed');
    live[option] = next;
    onChange();
  }

  async function readFresh(signal: AbortSignal): Promise<ServerSettings> {
    const session = await connectClient(directOf(settings), { signal, queryTimeoutMs: 10_000 });
    try {
      return await readServerSettings(session);
    } finally {
      await session.end();
    }
  }

  async function refresh(signal: AbortSignal): Promise<void> {
    const seen = await withShortSession(() => readFresh(signal));
    for (const setting of await recordServerSettings(db, seen)) {
      complain(setting.name, setting.problem);
      apply(setting);
    }
  }

  await refresh(AbortSignal.timeout(10_000));
  return {
    name: () => 'settings',
    intervalMs: INTERVAL_MS,
    run: (_heartbeat, signal) => refresh(signal),
    apply(published) {
      for (const setting of published) apply(setting);
    },
    trouble: troubles.define('read the settings'),
  };
}

function parse(option: keyof LiveSettings, value: string): number | undefined {
  return option === 'concurrency' ? Number(value) : parseDuration(value);
}
