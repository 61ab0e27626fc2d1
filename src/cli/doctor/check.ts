import type { ConnectionSettings } from '../../db/connection-settings.ts';
import type { SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import type { WorkerConfig } from '../../worker/config.ts';
import type { Invocation } from '../cli-command.ts';

/**
 * `ok`: as it should be; `note`: something optional is not there; `warning`: it works, but worse than it could; `broken`: requests
 * cannot be queued or answered until it is fixed.
 */
export type FindingState = 'ok' | 'note' | 'warning' | 'broken';

/** What one check found. */
export interface Finding {
  readonly state: FindingState;
  /** What was looked at, in one or two words. */
  readonly subject: string;
  readonly says: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly fix?: string | undefined;
}

/** One subject of `lamplighter doctor`: what it finds there, nothing being a finding, too. Changes nothing. */
export type Check = (patient: Patient) => Promise<readonly Finding[]>;

/** What checks look at. */
export interface Patient {
  readonly invocation: Invocation;
  readonly settings: ConnectionSettings;
  readonly session: Session;
  /** Undefined where it could not be read. */
  readonly schema: SchemaState | undefined;
  /** The settings of a worker started here; known to what comes after the schema. */
  readonly worker: WorkerSettings | undefined;
}

/** A setting as it holds for a worker that starts here, and where it comes from. */
export interface SettingLine {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
}

/** Every setting with its value and origin, and what is wrong with them. */
export interface WorkerSettings {
  readonly lines: readonly SettingLine[];
  readonly findings: readonly Finding[];
  /** Undefined where something is wrong beyond repair. */
  readonly config: WorkerConfig | undefined;
}
