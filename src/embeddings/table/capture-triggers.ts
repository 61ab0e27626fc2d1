import { loadQuery } from '../../db/load-sql.ts';
import type { Pool } from '../../db/pool.ts';
import type { Queryable } from '../../db/query.ts';
import type { RelationFacts, TableFacts } from './inspect-table.ts';
import { type LockPatience, runWithTableLock } from './lock-table.ts';
import { quoteIdentifier } from './quote-identifier.ts';

const LIST_CAPTURE_TRIGGERS = loadQuery('list_capture_triggers');

/** `pg_trigger.tgenabled`: O for what sessions write, A also for what replication writes, R only that, D not at all. */
interface CaptureTrigger {
  readonly relation: string;
  readonly enabled: 'O' | 'A' | 'R' | 'D';
  readonly name: string;
}

async function listTriggers(db: Queryable, captureName: string): Promise<CaptureTrigger[]> {
  return (await db.query<CaptureTrigger>(LIST_CAPTURE_TRIGGERS, [captureName])).rows;
}

/** Tables that need a trigger: of a partitioned one only the root, as PostgreSQL clones it; else each that inherits, too. */
function captured({ kind, relations }: TableFacts): readonly RelationFacts[] {
  return kind === 'p'
    ? relations.filter(({ isRoot }) => isRoot)
    : relations.filter((relation) => relation.kind === 'r');
}

export interface TriggerPlacement {
  readonly facts: TableFacts;
  readonly jobId: string;
  readonly captureName: string;
  readonly patience: LockPatience;
}

/**
 * Creates missing triggers. Each waits for open writes to the table, so that a full pass, which is marked as due, sees all earlier writes.
 * A trigger that a user has disabled stays disabled; on a subscriber triggers also fire for replication.
 */
export async function placeTriggers(
  db: Pool,
  { facts, jobId, captureName, patience }: TriggerPlacement,
): Promise<void> {
  const trigger = quoteIdentifier(`lamplighter_${captureName}`);
  const existing = new Set((await listTriggers(db, captureName)).map(({ relation }) => relation));
  const missing = captured(facts).filter(({ oid }) => !existing.has(oid));
  for (const { name } of missing) {
    await runWithTableLock(db, patience, (transaction) =>
      transaction.query(
        `create trigger ${trigger} after insert or update on ${name} for each row execute function lamplighter.${quoteIdentifier(captureName)}()`,
      ),
    );
  }
  if (missing.length > 0) await db.query('select lamplighter.reconcile_embeddings($1)', [jobId]);

  const subscribed = facts.relations.filter(
    (relation) => relation.isSubscribed && relation.isOwned && relation.kind === 'r',
  );
  if (subscribed.length === 0) return;
  const enabled = new Map((await listTriggers(db, captureName)).map((found) => [found.relation, found.enabled]));
  const unheard = subscribed.filter(({ oid }) => enabled.get(oid) === 'O');
  for (const { name } of unheard) {
    await runWithTableLock(db, patience, (transaction) =>
      transaction.query(`alter table ${name} enable always trigger ${trigger}`),
    );
  }
  // What replication has written since it was subscribed, no trigger has seen.
  if (unheard.length > 0) await db.query('select lamplighter.reconcile_embeddings($1)', [jobId]);
}

/** Sentences about tables whose changes are not captured, or not all: a pass finds them later. */
export async function findUnsoundCapture(db: Queryable, facts: TableFacts, captureName: string): Promise<string[]> {
  const enabled = new Map((await listTriggers(db, captureName)).map((found) => [found.relation, found.enabled]));
  return facts.relations
    .filter((relation) => relation.kind === 'r')
    .flatMap(({ oid, name, isSubscribed }) => {
      const state = enabled.get(oid);
      if (state === undefined) return `Changes of ${name} are not captured yet: passes find them.`;
      if (state === 'D' || state === 'R') return `The trigger on ${name} is disabled: passes find its changes.`;
      return isSubscribed && state !== 'A' ? `What replication writes to ${name} is not captured: passes find it.` : [];
    });
}
