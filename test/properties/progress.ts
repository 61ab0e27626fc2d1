import type { Queryable } from '../../src/db/query.ts';
import type { ModelSession } from './queue-model.ts';
import type { WorkerStep } from './steps.ts';
import { Mismatch } from './verdict.ts';

/** What nobody has locked and a step should have moved on. */
interface Idle {
  readonly sql: string;
  readonly params: readonly unknown[];
  readonly says: string;
}

const NOT_PAUSED =
  'not exists (select 1 from lamplighter.paused_function as p where p.function_name = q.function_name)';
/** One that a worker could have locked, too. */
const FREE = 'limit 1 for no key update skip locked';
/** Workers fall silent for an hour. */
const SILENT = `w.status in ('running', 'sleeping', 'stopping') and w.last_heartbeat < clock_timestamp() - interval '30 minutes'`;

/**
 * Work goes on, whatever else is locked, dead, delayed, in quarantine or paused: a worker that looks at a lane gets something if there is
 * anything, a rescue leaves nothing to the dead, a promotion leaves nothing that is due. This is judged by the rows alone, not by the model,
 * and holds for steps that are transactions of their own.
 *
 * @param clock the server's, before the step, in microseconds
 */
export async function requireProgress(
  admin: Queryable,
  session: ModelSession,
  { step, answer, clock }: { readonly step: WorkerStep; readonly answer: unknown; readonly clock: number },
): Promise<void> {
  for (const { sql, params, says } of leftIdle(session, step, answer, clock)) {
    const { rows } = await admin.query<{ what: string }>(sql, params);
    const [row] = rows;
    if (row !== undefined) throw new Mismatch(`no progress: ${says} (${row.what})`);
  }
}

function leftIdle(session: ModelSession, step: WorkerStep, answer: unknown, clock: number): readonly Idle[] {
  switch (step.do) {
    case 'claim':
      if (!step.looks || !Array.isArray(answer) || answer.length > 0) return [];
      return [
        {
          sql: `select q.request_id as what from public.steadytext_queue as q
                where q.status = 'pending' and q.run_at is null and q.function_name = $1 and q.model = $2 and ${NOT_PAUSED} ${FREE}`,
          params: [step.functionName, step.model],
          says: 'a claim of a lane with ready requests got nothing',
        },
      ];
    case 'claim quarantined':
      if (answer !== undefined) return [];
      return [
        {
          sql: `select q.request_id as what from public.steadytext_queue as q
                where q.status = 'pending' and q.run_at = '9000-01-01 00:00+00' and ${NOT_PAUSED}
                  and q.function_name || ':' || q.model = any ($1) ${FREE}`,
          params: [session.lanes.map(({ functionName, model }) => `${functionName}:${model}`)],
          says: 'something in quarantine was not claimed',
        },
      ];
    case 'rescue':
      return [
        {
          sql: `select w.worker_id as what from lamplighter.worker as w where ${SILENT} ${FREE}`,
          params: [],
          says: 'a silent worker was not found dead',
        },
        {
          sql: `select q.request_id as what from public.steadytext_queue as q
                where q.status = 'processing' and not exists (
                  select 1 from lamplighter.worker as w
                  where w.worker_id = q.worker_id and w.status in ('running', 'sleeping', 'stopping')) ${FREE}`,
          params: [],
          says: 'a request stayed with a worker that is gone',
        },
      ];
    case 'promote':
      return [
        {
          sql: `select q.request_id as what from public.steadytext_queue as q
                where q.status = 'pending' and q.run_at <= to_timestamp($1::float8 / 1000000) ${FREE}`,
          params: [clock],
          says: 'a request whose delay is over was not made ready',
        },
      ];
    case 'register':
    case 'finish':
    case 'list lost':
    case 'prune old':
    case 'renew':
      return [];
  }
}
