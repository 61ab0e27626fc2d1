import type { ConnectionSettings } from '../../db/connection-settings.ts';
import type { SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import type { Invocation } from '../cli-command.ts';

/**
 * `ok`: as it should be; `note`: something optional is not there; `warning`: it works, but worse than it could; `broken`: requests
 * cannot be queued or answered until it is mended.
 */
export type FindingState = 'ok' | 'note' | 'warning' | 'broken';

/** What one check found. */
export interface Finding {
  readonly state: FindingState;
  /** What was looked at, in one or two words. */
  readonly subject: string;
  readonly says: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly mend?: string | undefined;
}

/** What checks look at. */
export interface Patient {
  readonly invocation: Invocation;
  readonly settings: ConnectionSettings;
  readonly session: Session;
  /** Undefined where it could not be read. */
  readonly schema: SchemaState | undefined;
}
