import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Session } from '../session.ts';
import { isSqlState } from '../sqlstate.ts';
import { runInTransaction } from '../transaction.ts';
import { requireOwnSchema } from './schema-owner.ts';
import { readSchemaState } from './schema-state.ts';
import { forgetServerSettings } from './server-settings.ts';
import { liftTimeLimits } from './time-limits.ts';

export interface OwnObject {
  /** `capture`: a function whose triggers on tables of users go with it. */
  readonly kind: 'capture' | 'row function' | 'function' | 'table' | 'view' | 'sequence' | 'domain' | 'schema';
  /** Qualified and quoted, ready for DROP. */
  readonly name: string;
  /** What a person should know before it goes, e.g. how many rows it holds. */
  readonly note: string | undefined;
}

/**
 * What {@link uninstall} would drop: the objects that `migrate` made, never a user's table or column. Empty when nothing is installed.
 *
 * @throws LamplighterError PERMISSION_DENIED for somebody else's schema.
 */
export async function listOwnObjects(session: Session): Promise<readonly OwnObject[]> {
  await requireOwnSchema(session);
  if (!(await readSchemaState(session)).isInstalled) return [];
  const { rows } = await session.query<{ kind: OwnObject['kind']; name: string }>(loadQuery('list_removable_objects'));
  const restoreTimeLimits = await liftTimeLimits(session);
  const counted = await session.query<{ requests: string; tasks: string }>(
    'select (select count(*) from public.steadytext_queue) as requests, (select count(*) from lantern.tasks) as tasks',
  );
  await restoreTimeLimits();
  const notes = new Map([
    ['public.steadytext_queue', `${counted.rows[0]?.requests ?? '?'} requests with their results`],
    ['lantern.tasks', `${counted.rows[0]?.tasks ?? '?'} async tasks`],
  ]);
  return rows.map(({ kind, name }) => ({
    kind,
    name,
    note: kind === 'capture' ? 'and its triggers on the tables that are embedded' : notes.get(name),
  }));
}

/**
 * Drops the listed objects in one transaction, or none of them.
 *
 * @throws LamplighterError NAME_TAKEN when something of the user's depends on one of them; the message says what.
 */
export async function uninstall(session: Session, objects: readonly OwnObject[]): Promise<void> {
  const named = (kind: OwnObject['kind']) => objects.filter((object) => object.kind === kind).map(({ name }) => name);
  const drop = (kind: OwnObject['kind']) => {
    const names = named(kind);
    const words = kind === 'capture' ? ['function', ' cascade'] : [kind.endsWith('function') ? 'routine' : kind, ''];
    return names.length === 0 ? [] : [`drop ${words[0]} ${names.join(', ')}${words[1]}`];
  };
  try {
    await runInTransaction(session, async (transaction) => {
      // Each kind depends on those after it only; all of a kind at once, as they may depend on each other.
      for (const kind of [
        'capture',
        'row function',
        'view',
        'table',
        'sequence',
        'function',
        'domain',
        'schema',
      ] as const)
        for (const text of drop(kind)) await transaction.query(text);
    });
  } catch (error) {
    if (!isSqlState(error, 'dependentObjectsStillExist') || !(error instanceof Error)) throw error;
    const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : error.message;
    throw new LamplighterError('NAME_TAKEN', `Nothing was removed, as other objects depend on it: ${detail}`, {
      cause: error,
      hint: 'Drop those first, if you no longer need them.',
    });
  }
  await forgetServerSettings(session);
}
