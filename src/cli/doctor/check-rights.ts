import { loadQuery } from '../../db/load-sql.ts';
import { listMissingRights } from '../../db/migrate/missing-rights.ts';
import type { Finding, ServerCheck } from './check.ts';

interface RightsRow {
  role: string;
  is_owner: boolean;
  may_queue: boolean;
  may_work: boolean;
  /** Workers may, too. */
  may_monitor: boolean;
}

/** What the role may do. */
export const rightsCheck: ServerCheck = {
  name: 'rights',
  looksAt: 'what this role may do, and for the owner what granted roles lack',
  needs: 'schema',
  async run({ session }): Promise<readonly Finding[]> {
    const [row] = (await session.query<RightsRow>(loadQuery('read_role_rights'))).rows;
    if (row === undefined) return [];
    const { role, is_owner: isOwner, may_queue: mayQueue, may_work: mayWork, may_monitor: mayMonitor } = row;
    if (isOwner) {
      const missing = (await listMissingRights(session)).map((note): Finding => {
        const [message = note, statement] = note.split('; run: ');
        return { state: 'broken', message, advice: `As the owner of the database or the schema: ${statement ?? ''}` };
      });
      return [{ state: 'ok', message: `${role} owns the schema` }, ...missing];
    }
    const may = [
      ...(mayQueue ? ['queue requests'] : []),
      ...(mayWork ? ['run workers'] : []),
      ...(mayMonitor && !mayWork ? ['see the figures of all roles'] : []),
    ];
    if (may.length > 0) return [{ state: 'ok', message: `${role} may ${may.join(' and ')}` }];
    return [
      {
        state: 'broken',
        message: `${role} may neither queue requests nor run workers`,
        advice: `As the owner: lamplighter migrate --grant ${role}, or --grant-worker ${role}, or for figures alone --grant-monitor ${role}`,
      },
    ];
  },
};
