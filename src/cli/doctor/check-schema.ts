import { isLamplighterError } from '../../core/errors.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { programSchemaVersion } from '../../db/migrate/migration-file.ts';
import { compareRoutines } from '../../db/migrate/routine-steps.ts';
import { requireSchema, type SchemaState } from '../../db/migrate/schema-state.ts';
import type { Session } from '../../db/session.ts';
import type { Finding } from './check.ts';
import { checkObjects, listNames } from './check-objects.ts';

interface RightsRow {
  role: string;
  is_owner: boolean;
  may_queue: boolean;
  may_work: boolean;
}

/** The schema's version, and what the role may do with it. */
export async function checkSchema(
  session: Session,
): Promise<{ readonly findings: readonly Finding[]; readonly schema: SchemaState | undefined }> {
  const { schema, finding } = await checkVersion(session);
  if (finding.state === 'broken') return { findings: [finding], schema: undefined };
  // Nothing can be said of a schema that another version brought.
  const isOwn = schema?.version === programSchemaVersion();
  const parts = isOwn ? [...(await checkObjects(session, schema)), ...(await checkFunctions(session))] : [];
  return { findings: [finding, ...parts, ...(await checkRights(session))], schema };
}

/** Whether the functions are those of this program. */
async function checkFunctions(session: Session): Promise<Finding[]> {
  const { changed, missing, surplus } = await compareRoutines(session);
  const names = [...new Set([...missing, ...changed.map(({ schema, name }) => `${schema}.${name}`), ...surplus])];
  const subject = 'functions';
  if (names.length === 0) return [{ state: 'ok', subject, says: 'as this program brings them' }];
  return [
    {
      state: 'broken',
      subject,
      says: `dropped, or not those of this program: ${listNames(names)}`,
      fix: 'As the owner: lamplighter migrate',
    },
  ];
}

async function checkVersion(session: Session): Promise<{ schema?: SchemaState; finding: Finding }> {
  const subject = 'schema';
  try {
    const schema = await requireSchema(session);
    return { schema, finding: { state: 'ok', subject, says: `version ${schema.version}, owned by ${schema.owner}` } };
  } catch (error) {
    if (!isLamplighterError(error)) throw error;
    // Callers may not read the ledger.
    if (error.code === 'PERMISSION_DENIED') {
      return {
        finding: { state: 'ok', subject, says: 'installed; its version is for its owner and for workers to read' },
      };
    }
    return { finding: { state: 'broken', subject, says: error.message, fix: error.hint } };
  }
}

async function checkIds(session: Session): Promise<Finding[]> {
  const { rows } = await session.query<{ id: string }>(loadQuery('read_id_gap'));
  return rows.map(({ id }) => ({
    state: 'broken',
    subject: 'ids',
    says: `the sequence of ids is behind the highest id, ${id}, so that requests cannot be queued`,
    fix: 'As the owner: lamplighter migrate',
  }));
}

/** A copy waits for good where `migrate` has made rows that the other database has, too. */
async function checkCopies(session: Session): Promise<Finding[]> {
  const { rows } = await session.query<{ name: string }>(loadQuery('list_unfinished_copies'));
  if (rows.length === 0) return [];
  return [
    {
      state: 'warning',
      subject: 'replication',
      says: `these have not been copied yet: ${rows.map(({ name }) => name).join(', ')}`,
      fix: 'If that lasts, publish public.steadytext_queue alone, as migrate has filled the others, and refresh the subscription',
    },
  ];
}

async function checkRights(session: Session): Promise<Finding[]> {
  const [row] = (await session.query<RightsRow>(loadQuery('read_role_rights'))).rows;
  if (row === undefined) return [];
  const { role, is_owner: isOwner, may_queue: mayQueue, may_work: mayWork } = row;
  const subject = 'rights';
  if (isOwner)
    return [
      { state: 'ok', subject, says: `${role} owns the schema` },
      ...(await checkIds(session)),
      ...(await checkCopies(session)),
    ];
  const may = [...(mayQueue ? ['queue requests'] : []), ...(mayWork ? ['run workers'] : [])];
  if (may.length > 0) return [{ state: 'ok', subject, says: `${role} may ${may.join(' and ')}` }];
  return [
    {
      state: 'broken',
      subject,
      says: `${role} may neither queue requests nor run workers`,
      fix: `As the owner: lamplighter migrate --grant ${role}, or --grant-worker ${role}`,
    },
  ];
}
