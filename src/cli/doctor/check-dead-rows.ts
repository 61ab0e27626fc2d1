import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { renderAge } from '../render-units.ts';
import type { Finding, ServerCheck } from './check.ts';

interface KeeperRow {
  readonly is_whole: boolean;
  readonly kind: 'session' | 'prepared' | 'slot' | null;
  readonly name: string;
  readonly role: string | null;
  readonly program: string | null;
  readonly state: string | null;
  readonly since_s: number | null;
}

/** Whoever keeps dead rows from being removed: the queue gets slower with each of them. */
export const transactionsCheck: ServerCheck = {
  name: 'transactions',
  looksAt: 'old transactions, prepared ones and unread replication slots, which keep dead rows',
  needs: 'server',
  async run({ session, thresholds }) {
    const { oldTransactionMs, idleSlotMs, idleSlotTransactions } = thresholds;
    const { rows } = await session.query<KeeperRow>(loadQuery('list_row_keepers'), [
      oldTransactionMs / 1_000,
      idleSlotMs / 1_000,
      idleSlotTransactions,
    ]);
    const findings = rows.flatMap(keeperFinding);
    const message = 'sessions of other roles are not checked: needs pg_read_all_stats, which pg_monitor has';
    if (rows.some(({ is_whole: isWhole }) => !isWhole)) return [...findings, { state: 'unknown', message }];
    return findings.length === 0 ? [{ state: 'ok', message: 'none keeps dead rows for long' }] : findings;
  },
};

function keeperFinding({ kind, name, role, program, state, since_s: sinceS }: KeeperRow): Finding[] {
  if (kind === null) return [];
  const since = sinceS === null ? undefined : new Date(sinceS * 1_000).toISOString();
  const age = sinceS === null ? '' : ` for ${renderAge(Date.now() - sinceS * 1_000)}`;
  const keeps = 'no dead row that is younger can be removed';
  const finding = (message: string, advice: string): Finding[] => [
    { state: 'warning', message: toPrintable(`${message}: ${keeps}`), advice: toPrintable(advice), since },
  ];
  switch (kind) {
    case 'session': {
      const who = [role, program, state].filter((part) => part !== null && part !== '').join(', ');
      return finding(
        `process ${name} (${who}) has been in one transaction${age}`,
        `If nobody needs it: SELECT pg_terminate_backend(${name})`,
      );
    }
    case 'prepared':
      return finding(
        `the prepared transaction ${name} of ${role} has waited${age} to be ended`,
        `Whoever made it ends it, or its owner: ROLLBACK PREPARED ${quoteLiteral(name)}`,
      );
    case 'slot':
      return finding(
        `nobody has read the replication slot ${name}${age}`,
        `If nobody is to read it any more: SELECT pg_drop_replication_slot(${quoteLiteral(name)})`,
      );
  }
}

interface UnvacuumedRow {
  readonly name: string;
  readonly dead: number;
  readonly begins: number;
  readonly is_on: boolean;
  readonly last_s: number | null;
}

/** Whether autovacuum keeps up with the tables of the product. */
export const vacuumCheck: ServerCheck = {
  name: 'vacuum',
  looksAt: 'dead rows of the tables of the schema, and whether autovacuum keeps up',
  needs: 'schema',
  async run({ session, thresholds }) {
    const { times, rows: least } = thresholds.vacuumLag;
    const { rows } = await session.query<UnvacuumedRow>(loadQuery('list_unvacuumed_tables'), [times, least]);
    if (rows.length === 0) return [{ state: 'ok', message: 'autovacuum keeps up' }];
    return rows.map(({ name, dead, begins, is_on: isOn, last_s: lastS }): Finding => {
      const last = lastS === null ? 'never' : `at ${new Date(lastS * 1_000).toISOString()}`;
      const limit = isOn ? `autovacuum begins at ${Math.round(begins)}` : 'autovacuum is off';
      const next = isOn
        ? 'then see "lamplighter doctor transactions" for who keeps them, and raise autovacuum_vacuum_cost_limit'
        : `then let autovacuum work, by its setting or as the owner: ALTER TABLE ${name} RESET (autovacuum_enabled)`;
      return {
        state: 'warning',
        message: `${name} has ${dead} dead rows, and ${limit}; it was there last ${last}`,
        advice: `As the owner: VACUUM (ANALYZE) ${name}; ${next}`,
      };
    });
  },
};

const quoteLiteral = (text: string) => `'${text.replaceAll("'", "''")}'`;
