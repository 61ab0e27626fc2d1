import type { Logger } from '../../core/log.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import type { SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { ModelProvider } from '../../models/provider.ts';
import type { WorkerConfig } from '../../worker/config.ts';
import type { OptionInput } from '../cli-option.ts';
import type { Interruption } from '../interruption.ts';

/**
 * `ok`: as it should be; `note`: something optional is not there; `unknown`: it could not be looked at; `warning`: it works, but worse
 * than it could; `broken`: requests cannot be queued or answered until it is fixed.
 */
export type FindingState = 'ok' | 'note' | 'unknown' | 'warning' | 'broken';

/** What a check says of its subject. */
export interface Finding {
  readonly state: FindingState;
  readonly message: string;
  /** What to do about it; absent when there is nothing to do. */
  readonly advice?: string | undefined;
  /** ISO 8601: since when it has been so, where that is known. */
  readonly since?: string | undefined;
}

/** A finding with the name of its check. */
export interface NamedFinding extends Finding {
  readonly name: string;
}

/** Nothing being found is an answer, too. */
type Findings = Promise<readonly Finding[]> | readonly Finding[];

interface CheckFacts {
  /** What it is called on the command line. */
  readonly name: string;
  /** What it examines, for `--list`, without a full stop. */
  readonly looksAt: string;
  /** What it takes to be allowed to look, for those who are refused: the end of "not checked: needs". @default the owner of the schema */
  readonly rights?: string;
}

/** A check of this machine alone. */
export interface LocalCheck extends CheckFacts {
  readonly needs: 'nothing';
  run(surroundings: Surroundings): Findings;
}

/** A check of the database. */
export interface ServerCheck extends CheckFacts {
  readonly needs: 'server' | 'schema';
  run(patient: Patient): Findings;
}

/** One subject of `lamplighter doctor`; it changes nothing. */
export type Check = LocalCheck | ServerCheck;

/** What checks of this machine look at. */
export interface Surroundings {
  readonly invocation: DoctorInvocation;
  readonly thresholds: Thresholds;
}

/** What checks of the database look at. */
export interface Patient extends Surroundings {
  readonly settings: ConnectionSettings;
  /** A session for this check alone. */
  readonly session: Session;
  /** Aborts at the time limit of the check, and when the program is to end. */
  readonly signal: AbortSignal;
  readonly schema: SchemaReading;
  /** The settings of a worker started here; undefined where they could not be read. */
  readonly worker: WorkerSettings | undefined;
}

/** What a check takes of the command's invocation. */
interface DoctorInvocation extends OptionInput {
  readonly interruption: Interruption;
  readonly log: Logger;
  readonly providers: readonly ModelProvider[];
}

/** The ledger of migrations, as far as it was read, and the finding on it. */
export interface SchemaReading {
  /** Undefined where it is not there, or not for this role to read. */
  readonly state: SchemaState | undefined;
  readonly finding: Finding;
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

/** Bounds beyond which a check reports something. */
export interface Thresholds {
  /** Age of a transaction that keeps dead rows from being removed. */
  readonly oldTransactionMs: number;
  /** How long nobody has read a replication slot. */
  readonly idleSlotMs: number;
  /** The same in transactions, for servers before 17, which do not know since when. */
  readonly idleSlotTransactions: number;
  /** Share of the server's notification queue in use. */
  readonly notificationQueueUsage: number;
  /** Dead rows of a table over those at which autovacuum begins, and the least number of them. */
  readonly vacuumLag: { readonly times: number; readonly rows: number };
  /** Room on the disk that holds models. */
  readonly freeBytes: number;
}

export const THRESHOLDS: Thresholds = {
  oldTransactionMs: 600_000,
  idleSlotMs: 600_000,
  idleSlotTransactions: 1_000_000,
  // At a half, events are dropped.
  notificationQueueUsage: 0.4,
  // Autovacuum looks once a minute and takes its time: a table that is due is none that is behind.
  vacuumLag: { times: 4, rows: 10_000 },
  // The default models take 0.8 GB.
  freeBytes: 2_000_000_000,
};

/** What `work` finds; what a role may not see is told as such, never as well. Takes the rights that are needed, as words. */
export async function unlessRefused(
  rights: string,
  work: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await work();
  } catch (error) {
    if (classifySqlState(error) !== 'permission') throw error;
    return [{ state: 'unknown', message: `not checked: needs ${rights}` }];
  }
}

/** Names that are listed; more are counted. */
const NAMED = 5;

/** The first names, and how many more there are. */
export function listNames(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}
