import { createRequestScan, readRequests } from '../../monitoring/lists/list-requests.ts';
import { createTaskScan, readTasks } from '../../monitoring/lists/list-tasks.ts';
import { type Scan, scanAll } from '../../monitoring/lists/scan-page.ts';
import { STATES_OF } from '../../operations/actions.ts';
import { listAudit } from '../../operations/list-audit.ts';
import { listOperations } from '../../operations/list-operations.ts';
import { enqueueOperation, stopOperation } from '../../operations/run-operations.ts';
import type { AuditRow, Operation, OperationOrder, OperationPreview, Page, Rights } from '../api.ts';
import { concealAudit, concealErrors, concealOperation, requireVisible } from '../conceal-errors.ts';
import { Refusal } from '../refusal.ts';
import type { DashboardServices, Route } from '../route.ts';
import { confirmWordsOf, parseOrder, parseStart, rightFor } from './action-body.ts';
import { limitOf, numberOf, numericCursorOf } from './page-params.ts';

/** How long all that match may be counted. */
const PREVIEW_MS = 60_000;
const SAMPLES = 10;

export const OPERATION_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/operations',
    right: 'view',
    run: async ({ db, rights }): Promise<readonly Operation[]> =>
      (await listOperations(db)).map((operation) => concealOperation(operation, rights)),
  },
  {
    method: 'GET',
    path: '/operations/:id',
    right: 'view',
    async run({ db, params, rights }): Promise<Operation> {
      const [operation] = await listOperations(db, { id: numberOf(params, 'id') });
      if (operation === undefined)
        throw new Refusal('NOT_FOUND', 'There is no such operation, or the dashboard does not see it');
      return concealOperation(operation, rights);
    },
  },
  {
    method: 'POST',
    path: '/operations/preview',
    right: (body) => rightFor(parseOrder(body).action),
    isLong: true,
    run: ({ body, rights, signal, dashboard }) => preview(parseOrder(body), rights, signal, dashboard),
  },
  {
    method: 'POST',
    path: '/operations',
    right: (body) => rightFor(parseOrder(body).action),
    isLong: true,
    async run({ body, user, rights, dashboard }): Promise<Operation> {
      const order = parseOrder(body);
      requireVisible(order.filter, rights);
      const { expectedCount, confirm } = parseStart(body);
      const words = confirmWordsOf(order);
      if (words !== undefined && confirm !== words) {
        throw new Refusal(
          'CONFLICT',
          `Without a filter this concerns all ${order.kind}`,
          `To confirm it, send confirm: "${words}"`,
        );
      }
      const operation = await dashboard.db.write(async (db) => {
        const id = await enqueueOperation(db, { user, source: 'dashboard' }, { ...order, expectedCount });
        return (await listOperations(db, { id }))[0];
      });
      if (operation === undefined) throw new Refusal('NOT_FOUND', 'The operation has gone');
      dashboard.noteOperation();
      return concealOperation(operation, rights);
    },
  },
  {
    method: 'POST',
    path: '/operations/:id/stop',
    right: 'operate',
    isLong: true,
    async run({ params, user, rights, dashboard }): Promise<Operation> {
      const id = numberOf(params, 'id');
      const operation = await dashboard.db.write(async (db) => {
        await stopOperation(db, { user, source: 'dashboard' }, id);
        return (await listOperations(db, { id }))[0];
      });
      if (operation === undefined)
        throw new Refusal('NOT_FOUND', 'There is no such operation, or the dashboard does not see it');
      dashboard.noteOperation();
      return concealOperation(operation, rights);
    },
  },
  {
    method: 'GET',
    path: '/audit',
    right: 'view',
    async run({ db, query, rights }): Promise<Page<AuditRow>> {
      const limit = limitOf(query);
      const before = numericCursorOf(query);
      const found = await listAudit(db, { before, limit: limit + 1 });
      const rows = found.slice(0, limit);
      const last = found.length > limit ? rows.at(-1) : undefined;
      return {
        rows: rows.map((row) => concealAudit(row, rights)),
        ...(last === undefined ? {} : { next: last.id }),
        total: { count: rows.length, isExact: before === undefined && last === undefined, ageMs: 0 },
      };
    },
  },
];

/** Counts exactly, in many statements of which each is bounded. */
async function preview(
  order: OperationOrder,
  rights: Rights,
  asked: AbortSignal,
  { db }: DashboardServices,
): Promise<OperationPreview> {
  requireVisible(order.filter, rights);
  const scan: Scan = (before, limit) =>
    db.read((transaction) =>
      order.kind === 'requests'
        ? createRequestScan(transaction, order.filter, STATES_OF.requests[order.action])(before, limit)
        : createTaskScan(transaction, order.filter, STATES_OF.tasks[order.action])(before, limit),
    );
  const signal = AbortSignal.any([asked, AbortSignal.timeout(PREVIEW_MS)]);
  let count = 0;
  const first: string[] = [];
  for await (const ids of scanAll(scan, signal)) {
    count += ids.length;
    first.push(...ids.slice(0, SAMPLES - first.length));
  }
  if (signal.aborted) {
    throw new Refusal('CONFLICT', 'It takes too long to count all that match', 'Add a filter, such as a time.');
  }
  const found: OperationPreview['samples'] = await db.read(
    (transaction): Promise<OperationPreview['samples']> =>
      order.kind === 'requests' ? readRequests(transaction, first) : readTasks(transaction, first, rights.payloads),
  );
  const samples = found.map((row) => concealErrors(row, rights));
  const confirmWords = confirmWordsOf(order);
  return { count, samples, ...(confirmWords === undefined ? {} : { confirmWords }) };
}
