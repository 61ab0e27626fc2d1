import { listAudit } from '../../operations/list-audit.ts';
import { listOperations } from '../../operations/list-operations.ts';
import type { AuditRow, Operation, Page } from '../api.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';
import { limitOf, numberOf, numericCursorOf } from './page-params.ts';

export const OPERATION_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/operations',
    right: 'view',
    run: ({ db }): Promise<readonly Operation[]> => listOperations(db),
  },
  {
    method: 'GET',
    path: '/operations/:id',
    right: 'view',
    async run({ db, params }): Promise<Operation> {
      const [operation] = await listOperations(db, { id: numberOf(params, 'id') });
      if (operation === undefined)
        throw new Refusal('NOT_FOUND', 'There is no such operation, or the dashboard does not see it');
      return operation;
    },
  },
  {
    method: 'GET',
    path: '/audit',
    right: 'view',
    async run({ db, query }): Promise<Page<AuditRow>> {
      const limit = limitOf(query);
      const before = numericCursorOf(query);
      const found = await listAudit(db, { before, limit: limit + 1 });
      const rows = found.slice(0, limit);
      const last = found.length > limit ? rows.at(-1) : undefined;
      return {
        rows,
        ...(last === undefined ? {} : { next: last.id }),
        total: { count: rows.length, isExact: before === undefined && last === undefined, ageMs: 0 },
      };
    },
  },
];
