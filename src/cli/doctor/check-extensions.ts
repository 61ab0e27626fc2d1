import { loadQuery } from '../../db/load-sql.ts';
import { checkLoopback } from '../../db/migrate/loopback.ts';
import type { Finding, ServerCheck } from './check.ts';

/** Sets the loopback connection. Its DSN holds a password, which does not belong on a command line. */
export const SET_LOOPBACK = 'LAMPLIGHTER_LOOPBACK="$(cat loopback.dsn)" lamplighter migrate';

interface ExtensionRow {
  default_version: string;
  installed_version: string | null;
}

/** dblink with a connection to the database itself. */
export const loopbackCheck: ServerCheck = {
  name: 'loopback',
  looksAt: 'whether one transaction can queue and wait, by dblink',
  needs: 'schema',
  run: async ({ session }) => [loopbackFinding(await checkLoopback(session))],
};

function loopbackFinding(loopback: Awaited<ReturnType<typeof checkLoopback>>): Finding {
  const without = 'queueing and waiting in one transaction is refused';
  switch (loopback.state) {
    case 'works':
      return { state: 'ok', message: 'one transaction can queue and wait' };
    case 'hidden':
      return {
        state: 'unknown',
        message: 'dblink is installed; its connection is not checked: needs the owner of the schema lamplighter',
      };
    case 'no_dblink':
      return {
        state: 'note',
        message: `dblink is not installed: ${without}`,
        advice: loopback.isAvailable
          ? `If you need it: CREATE EXTENSION dblink as a superuser (or as your host allows), then ${SET_LOOPBACK}`
          : undefined,
      };
    case 'not_set':
      return {
        state: 'note',
        message: `no connection is set: ${without}`,
        advice: `If you need it: ${SET_LOOPBACK}`,
      };
    case 'fails':
      return {
        state: 'broken',
        message: `the connection does not work: ${loopback.reason}`,
        advice: `${SET_LOOPBACK}, with host and port as the server sees them, and the password of the owner`,
      };
  }
}

/** Vectors that SQL can search. */
export const vectorCheck: ServerCheck = {
  name: 'pgvector',
  looksAt: 'whether pgvector is offered and installed',
  needs: 'schema',
  async run({ session }) {
    const [row] = (await session.query<ExtensionRow>(loadQuery('read_extension'), ['vector'])).rows;
    if (row === undefined) return [{ state: 'note', message: 'not offered by this server; embeddings are real[]' }];
    if (row.installed_version === null) {
      const advice = 'If you need it: CREATE EXTENSION vector';
      return [{ state: 'note', message: 'not installed; embeddings are real[]', advice }];
    }
    return [{ state: 'ok', message: `version ${row.installed_version}: results cast to vector` }];
  },
};
