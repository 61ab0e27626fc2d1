import { describeCopy, readInstallation } from '../../db/migrate/installation.ts';
import type { ServerCheck } from './check.ts';
import { SET_LOOPBACK } from './check-extensions.ts';

const ADVICE =
  'Before workers run here, end what the other database does already: lamplighter requests cancel --status pending, ' +
  `lamplighter jobs list for jobs of other databases, ${SET_LOOPBACK}. ` +
  'Then, or where it was moved or upgraded: lamplighter migrate --accept-copy';

/** A copy that works does once more what the other database does: requests, completion handlers, jobs of other databases. */
export const copyCheck: ServerCheck = {
  name: 'copy',
  looksAt: 'whether this database is a copy of the one that works, such as a restored dump',
  needs: 'schema',
  rights: "the owner of the schema, a worker's rights or a monitor's",
  async run({ session }) {
    const installation = await readInstallation(session);
    if (installation === undefined) {
      const advice = 'As the owner: lamplighter migrate --accept-copy';
      return [{ state: 'note', message: 'where it works was never noted, so that a copy is not known as one', advice }];
    }
    const since = installation.notedAt.toISOString();
    const copy = describeCopy(installation);
    if (copy !== undefined) return [{ state: 'warning', message: copy, advice: ADVICE, since }];
    if (installation.kind === 'same') return [{ state: 'ok', message: 'none' }];
    const message =
      'the server was promoted since; that is a failover, unless it is a copy of the files of another one';
    return [{ state: 'note', message, advice: `For a copy: ${ADVICE}`, since }];
  },
};
