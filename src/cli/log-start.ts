import type { Logger } from '../core/log.ts';
import { VERSION } from '../core/version.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { describeConnection } from '../db/connection/connection-text.ts';
import { describeOptions, type EffectiveOption } from './describe-options.ts';

export interface StartedService {
  /** What runs, as in `the worker runs for ..`. */
  readonly what: string;
  readonly settings: ConnectionSettings;
  /** Version of the server, where it was asked. */
  readonly server?: string;
  /** What `findCopy` found. */
  readonly copy?: string | undefined;
  readonly options: readonly EffectiveOption[];
}

/** Logs what a reader has to know of the lines that follow: version, database, role, host, and the options that hold. */
export function logStart(log: Logger, { what, settings, server, copy, options }: StartedService): void {
  const { host, port, database, user: role, origin } = settings;
  const from = origin === undefined ? '' : ` (from ${origin})`;
  log.info(
    { version: VERSION, connection: { host, port, database, role, ...(server === undefined ? {} : { server }) } },
    `lamplighter ${VERSION}: ${what} runs for ${describeConnection(settings)}${from}${server === undefined ? '' : `, PostgreSQL ${server}`}`,
  );
  log.info({ options }, `options: ${describeOptions(options)}`);
  if (copy !== undefined) log.warn(`${copy}. See: lamplighter doctor copy`);
}
