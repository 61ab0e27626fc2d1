import type { Queryable } from '../../src/db/query.ts';
import { argumentsOf, parametersOf } from './parameters.ts';
import type { CallerStep } from './steps.ts';

/** Where the ids of requests come from: the model knows them by label. */
export type RequestIdOf = (label: string) => string;

/** Runs a caller's statement as users write it, and returns the answer in the terms of `caller-verdicts.ts`. */
export async function runCallerStep(db: Queryable, step: CallerStep, idOf: RequestIdOf): Promise<unknown> {
  const first = async (text: string, params: readonly unknown[]) =>
    Object.values((await db.query<Record<string, unknown>>(text, params)).rows[0] ?? {})[0];
  /** How many rows a statement changed. */
  const count = async (text: string, params: readonly unknown[] = []) =>
    (await db.query(`${text} returning request_id`, params)).rows.length;

  switch (step.do) {
    case 'enqueue': {
      const args = argumentsOf(step.functionName, step.as);
      const [priority, model] = [args.length + 1, args.length + 2];
      const list = args.map((_, at) => `$${at + 1}`).join(', ');
      const call = `public.steadytext_${step.functionName}_async(${list}, priority => $${priority}, model => $${model})`;
      return [await first(`select ${call} as id`, [...args, step.priority, step.model ?? null])];
    }
    case 'insert': {
      const columns = `function_name, parameters, priority${step.model === undefined ? '' : ', model'}`;
      const values = [step.functionName, JSON.stringify(parametersOf(step.functionName, step.as)), step.priority];
      const text = `insert into public.steadytext_queue (${columns})
        values ($1, $2, $3${step.model === undefined ? '' : ', $4'}) returning request_id`;
      return [await first(text, step.model === undefined ? values : [...values, step.model])];
    }
    case 'enqueue batch':
      return first(
        `select public.steadytext_${step.functionName}_batch_async($1, priority => $2, model => $3)::text[] as ids`,
        [step.as, step.priority, step.model ?? null],
      );
    case 'cancel':
      return step.form === 'function'
        ? first('select public.steadytext_cancel_async($1)', [idOf(step.request)])
        : count(
            `update public.steadytext_queue set status = 'cancelled'
             where request_id = $1 and status in ('pending', 'processing')`,
            [idOf(step.request)],
          );
    case 'retry':
      return step.form === 'function'
        ? first('select public.steadytext_retry($1)', [idOf(step.request)])
        : count(
            `update public.steadytext_queue set status = 'pending', retry_count = 0
             where request_id = $1::uuid and status = 'failed'`,
            [idOf(step.request)],
          );
    case 'set status':
      return step.retryCount === undefined
        ? count('update public.steadytext_queue set status = $2 where request_id = $1', [
            idOf(step.request),
            step.status,
          ])
        : count('update public.steadytext_queue set status = $2, retry_count = $3 where request_id = $1', [
            idOf(step.request),
            step.status,
            step.retryCount,
          ]);
    case 'set retry_count':
      return count('update public.steadytext_queue set retry_count = $2 where request_id = $1', [
        idOf(step.request),
        step.retryCount,
      ]);
    case 'delete':
      return count('delete from public.steadytext_queue where request_id = $1', [idOf(step.request)]);
    case 'delete ended':
      return count(`delete from public.steadytext_queue where status in ('completed', 'failed', 'cancelled')`);
    case 'cancel batch':
      return count(
        `update public.steadytext_queue set status = 'cancelled' where status in ('pending', 'processing')
         and batch_id = (select q.batch_id from public.steadytext_queue as q where q.request_id = $1)`,
        [idOf(step.request)],
      );
    case 'prune':
      return first('select public.steadytext_prune($1::interval)', [step.age]);
    case 'check':
      return {
        batch: await checkBatch(db, step.requests.map(idOf)),
        single: await checkOne(db, idOf(step.requests[0] ?? '')),
      };
    case 'result':
      return first('select public.steadytext_get_async_result($1, 0)', [idOf(step.request)]);
  }
}

async function checkBatch(db: Queryable, requestIds: readonly string[]): Promise<unknown[]> {
  const { rows } = await db.query<{ request_id: string; status: string; result: string | null; error: string | null }>(
    'select request_id, status, result, error from public.steadytext_check_async_batch($1)',
    [requestIds],
  );
  return rows.map(({ request_id: requestId, ...rest }) => ({ requestId, ...rest }));
}

async function checkOne(db: Queryable, requestId: string): Promise<unknown[]> {
  const { rows } = await db.query('select status, result, error from public.steadytext_check_async($1)', [requestId]);
  return rows.map((row) => ({ requestId, ...row }));
}
