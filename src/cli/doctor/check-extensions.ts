import { loadQuery } from '../../db/load-sql.ts';
import { checkLoopback } from '../../db/migrate/loopback.ts';
import type { Finding, Patient } from './check.ts';

interface ExtensionRow {
  default_version: string;
  installed_version: string | null;
}

/** What is used when it is there: dblink with a loopback connection, and pgvector. */
export async function checkExtensions({ session }: Patient): Promise<Finding[]> {
  return [await loopbackFinding(session), await vectorFinding(session)];
}

async function loopbackFinding(session: Patient['session']): Promise<Finding> {
  const subject = 'loopback';
  const loopback = await checkLoopback(session);
  const without = 'queueing and waiting in one transaction is refused';
  switch (loopback.state) {
    case 'works':
      return { state: 'ok', subject, says: 'one transaction can queue and wait' };
    case 'hidden':
      return { state: 'ok', subject, says: 'dblink is installed; the connection is for the owner to see' };
    case 'no_dblink':
      return {
        state: 'note',
        subject,
        says: `dblink is not installed: ${without}`,
        fix: loopback.isAvailable
          ? 'If you need it: CREATE EXTENSION dblink as a superuser (or as your host allows), then lamplighter migrate --loopback DSN'
          : undefined,
      };
    case 'not_set':
      return {
        state: 'note',
        subject,
        says: `no connection is set: ${without}`,
        fix: 'If you need it: lamplighter migrate --loopback DSN',
      };
    case 'fails':
      return {
        state: 'broken',
        subject,
        says: `the connection does not work: ${loopback.reason}`,
        fix: 'lamplighter migrate --loopback DSN, with host and port as seen from the server and the password of the owner',
      };
  }
}

async function vectorFinding(session: Patient['session']): Promise<Finding> {
  const subject = 'pgvector';
  const [row] = (await session.query<ExtensionRow>(loadQuery('read_extension'), ['vector'])).rows;
  if (row === undefined) return { state: 'note', subject, says: 'not offered by this server; embeddings are real[]' };
  return row.installed_version === null
    ? {
        state: 'note',
        subject,
        says: `not installed; embeddings are real[]`,
        fix: 'If you need it: CREATE EXTENSION vector',
      }
    : { state: 'ok', subject, says: `version ${row.installed_version}: results cast to vector` };
}
