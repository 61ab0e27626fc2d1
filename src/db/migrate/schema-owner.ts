import { escapeIdentifier } from 'pg';
import { LamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../load-sql.ts';
import type { Queryable } from '../query.ts';
import { inParallel, sharedRelations } from './shared-names.ts';

interface OwnerRow {
  owner: string;
  role: string;
  may_become_owner: boolean;
  outranks_owner: boolean;
}

interface StrayRow {
  kind: string;
  name: string;
  owner: string;
  may_give: boolean;
}

/**
 * Ensures that this role may change the schema, if it exists. Functions, views and triggers of a schema run with the rights of their users.
 * So `migrate` changes neither a foreign schema of that name nor, as a superuser, the schema of an ordinary role: SET ROLE would not help,
 * because such code can undo it.
 *
 * @throws LamplighterError PERMISSION_DENIED
 */
export async function requireOwnSchema(db: Queryable): Promise<void> {
  const [row] = (await db.query<OwnerRow>(loadQuery('read_schema_owner'))).rows;
  if (row === undefined) return;
  if (!row.may_become_owner) {
    throw new LamplighterError(
      'PERMISSION_DENIED',
      `The schema lamplighter belongs to "${row.owner}", not to "${row.role}"`,
      {
        hint: `Connect as "${row.owner}", or drop that schema if it is not Lamplighter's.`,
      },
    );
  }
  if (row.outranks_owner) {
    throw new LamplighterError(
      'PERMISSION_DENIED',
      `The schema lamplighter belongs to "${row.owner}", who could run anything as the superuser "${row.role}"`,
      { hint: `Connect as "${row.owner}".` },
    );
  }
}

/**
 * The statement that gives the schema's owner what belongs to others since an ALTER ... OWNER, undefined when nothing does.
 *
 * @throws LamplighterError PERMISSION_DENIED with the statement, when this role may not run it.
 */
export async function ownershipRepair(db: Queryable): Promise<string | undefined> {
  const { rows: strays } = await db.query<StrayRow>(loadQuery('list_stray_objects'), inParallel(sharedRelations()));
  const [stray] = strays;
  if (stray === undefined) return undefined;
  const [schema] = (await db.query<OwnerRow>(loadQuery('read_schema_owner'))).rows;
  const owner = schema?.owner ?? '';
  const repair = strays
    .map(({ kind, name }) => `alter ${kind} ${name} owner to ${escapeIdentifier(owner)};`)
    .join('\n');
  if (strays.every((each) => each.may_give)) return repair;
  const more = strays.length > 1 ? ` (and ${strays.length - 1} more)` : '';
  throw new LamplighterError(
    'PERMISSION_DENIED',
    `The ${stray.kind} ${stray.name} belongs to "${stray.owner}", the schema lamplighter to "${owner}"${more}`,
    { hint: `As a superuser, or as a member of both roles, run: ${repair.replaceAll('\n', ' ')}` },
  );
}
