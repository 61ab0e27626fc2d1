import { parseRequestFilter } from '../../monitoring/lists/list-filters.ts';
import { listRequests, readRequest } from '../../monitoring/lists/list-requests.ts';
import type { RequestRecord, RequestStatus } from '../../monitoring/shapes.ts';
import { actOnRequests, REQUEST_ACTIONS } from '../../operations/actions.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { ActionOutcome, Page, RequestAction, RequestDetail, RequestRow, Rights } from '../api.ts';
import { concealErrors, concealOutcome, requireVisible } from '../conceal-errors.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';
import { readAction, readIds, rightFor, UUID } from './action-body.ts';
import { filterValues, limitOf, numericCursorOf } from './page-params.ts';

/** Characters of parameters and result each. */
const MAX_PAYLOAD = 200_000;

export const REQUEST_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/requests',
    right: 'view',
    async run({ db, query, rights }): Promise<Page<RequestRow>> {
      const page = { cursor: numericCursorOf(query), limit: limitOf(query) };
      const filter = parseRequestFilter(filterValues(query));
      requireVisible(filter, rights);
      const { rows, ...rest } = await listRequests(db, filter, page);
      return { rows: rows.map((row) => concealErrors(row, rights)), ...rest };
    },
  },
  {
    method: 'GET',
    path: '/requests/:requestId',
    right: 'view',
    async run({ db, params, rights }): Promise<RequestDetail> {
      const id = params['requestId'] ?? '';
      const record = UUID.test(id) ? await readRequest(db, id, rights.payloads ? MAX_PAYLOAD : undefined) : undefined;
      if (record === undefined)
        throw new Refusal('NOT_FOUND', 'There is no such request, or the dashboard does not see it');
      return concealErrors({ ...record, timeline: timelineOf(record), may: actionsOf(record.status, rights) }, rights);
    },
  },
  {
    method: 'POST',
    path: '/requests/actions',
    right: (body) => rightFor(readAction(body, REQUEST_ACTIONS)),
    async run({ db, body, user, rights }): Promise<ActionOutcome> {
      const action = readAction(body, REQUEST_ACTIONS);
      const ids = readIds(body, (id) => UUID.test(id));
      const outcome = await actOnRequests(db, action, ids);
      await recordAudit(
        db,
        { user, source: 'dashboard' },
        { action, kind: 'requests', filter: { ids }, count: outcome.done },
      );
      return concealOutcome(outcome, rights);
    },
  },
];

function timelineOf(record: RequestRecord): RequestDetail['timeline'] {
  const { createdAt, startedAt, completedAt, runAt, status, attempt, retryCount, workerId } = record;
  const events = [{ at: createdAt, text: 'queued' }];
  if (startedAt !== undefined) {
    const by = workerId === undefined ? '' : ` by worker ${workerId}`;
    events.push({ at: startedAt, text: attempt > 1 ? `claimed${by}, attempt ${attempt}` : `claimed${by}` });
  }
  if (completedAt !== undefined) events.push({ at: completedAt, text: status });
  if (runAt !== undefined) events.push({ at: runAt, text: `to be tried again, after failures: ${retryCount}` });
  return events.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

const ACTIONS: Readonly<Record<RequestStatus, readonly RequestAction[]>> = {
  pending: ['cancel'],
  processing: ['cancel'],
  completed: ['delete'],
  failed: ['retry', 'delete'],
  cancelled: ['delete'],
};

function actionsOf(status: RequestStatus, { operate, admin }: Rights): readonly RequestAction[] {
  return ACTIONS[status].filter((action) => (action === 'delete' ? admin : operate));
}
