import type { ConfigRule } from '../core/config/define-config.ts';
import { count, duration } from '../core/config/option-values.ts';

/** Options that worker and daemon have in common. */
export const PROCESS_OPTIONS = {
  /** Ceiling of the database connections that the process holds in all. */
  maxConnections: { flag: 'max-connections', value: count(4, 1_000), default: 8 },
  /** Silence after which the process counts as dead and its work goes back. Too low takes work from slow hosts. */
  leaseMs: { flag: 'lease', value: duration(1_000, 3_600_000), default: 30_000 },
  /** Pause between signs of life. */
  heartbeatMs: { flag: 'heartbeat', value: duration(100, 600_000), default: 5_000 },
} as const;

/** The rule of every configuration with these options. */
export const HEARTBEAT_RULE = {
  option: 'heartbeatMs',
  expected: 'at most half of the lease, so that one late sign of life does not look like a death',
  isKept: ({ heartbeatMs, leaseMs }) => heartbeatMs * 2 <= leaseMs,
} satisfies ConfigRule<typeof PROCESS_OPTIONS>;
