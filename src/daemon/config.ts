import { z } from 'zod';
import { type ConfigInput, type ConfigOf, defineConfig } from '../core/config/define-config.ts';
import { count, duration, name, type OptionValue, type Reading, YES_OR_NO } from '../core/config/option-values.ts';
import { HEARTBEAT_RULE, PROCESS_OPTIONS } from '../process/process-options.ts';

const UNITS: Readonly<Record<string, number>> = { kb: 1_000, mb: 1_000_000, gb: 1_000_000_000, tb: 1_000_000_000_000 };

/** A part of a whole, as a number up to 1 or as a percentage. */
const SHARE: OptionValue<number> = {
  bounds: [0.01, 1],
  schema: z.number().min(0.01).max(1),
  read(text): Reading<number> {
    const percent = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text)?.[1];
    const value = percent === undefined ? Number(text) : Number(percent) / 100;
    return value >= 0.01 && value <= 1 ? { value } : { expected: 'a number from 0.01 to 1' };
  },
};

const SIZE: OptionValue<number> = {
  schema: z.int().min(1_000_000),
  read(text): Reading<number> {
    const [, amount, unit = 'b'] = /^\s*(\d+)\s*([kmgt]?b)?\s*$/i.exec(text) ?? [];
    const value = Number(amount) * (UNITS[unit.toLowerCase()] ?? 1);
    return value >= 1_000_000 && Number.isSafeInteger(value)
      ? { value }
      : { expected: 'a size of 1MB or more, such as 500MB or 2GB' };
  },
};

const NAMES: OptionValue<readonly string[]> = {
  schema: z.array(z.string().min(1)).readonly(),
  read: (text) => ({
    value: text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  }),
};

const DAEMON_OPTIONS = {
  /** The table that holds the jobs, as it is named there. */
  table: { flag: 'table', value: name('the name of a table'), default: 'jobs' },
  schema: { flag: 'schema', value: name('the name of a schema'), default: 'public' },
  /** Takes the jobs with this label; absent takes those that have none. */
  label: { flag: 'label', value: name('a label') },
  /** Most jobs that are filled at once; the others wait for their turn. Absent: all of them. Changed rows wait for nobody. */
  queueSize: { flag: 'queue-size', value: count(1, 10_000) },
  /** Most rows of one batch. Too low costs a transaction for few rows, too high makes transactions long. */
  batchRows: { flag: 'batch-rows', value: count(1, 10_000), default: 500 },
  /** Hosts, and folders of sockets, that `db_connection` may name besides the host of the jobs table. */
  allowedHosts: { flag: 'allow-host', value: NAMES, default: [] },
  /** Roles whose tables are served besides the login's own; their triggers then run with the daemon's rights. */
  trustedOwners: { flag: 'trust-owner', value: NAMES, default: [] },
  /** Share of the time that the backfill of a job may keep its database at work; 1 for as fast as it goes. */
  maxLoad: { flag: 'max-load', value: SHARE, default: 1 },
  /** Bytes of change log of a job beyond which capture only notes that a full pass is due. Too low makes full passes frequent. */
  captureLimitBytes: { flag: 'capture-limit', value: SIZE, default: 1_000_000_000 },
  /** Fetch images from https URLs that stand in a table, where a model takes images. */
  allowsUrlImages: { flag: 'allow-url-images', value: YES_OR_NO, default: false },
  /** Pause before the jobs table is read again. */
  pollIntervalMs: { flag: 'jobs-poll-interval', value: duration(10, 60_000), default: 500 },
  /** Most connections held in one database. */
  maxConnections: PROCESS_OPTIONS.maxConnections,
  leaseMs: PROCESS_OPTIONS.leaseMs,
  heartbeatMs: PROCESS_OPTIONS.heartbeatMs,
} as const;

/** The options of an embedding daemon as given in code. */
export type DaemonOptions = ConfigInput<typeof DAEMON_OPTIONS>;
/** The options of an embedding daemon, defaults filled in. */
export type DaemonConfig = ConfigOf<typeof DAEMON_OPTIONS>;
export type DaemonOption = keyof typeof DAEMON_OPTIONS;

/** The configuration of `start-daemon`. */
export const daemonConfig = defineConfig('daemon', DAEMON_OPTIONS, [HEARTBEAT_RULE]);
