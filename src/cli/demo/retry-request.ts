import { type DemoStep, demand } from './demo-step.ts';

export const retryRequest: DemoStep = async (narrator) => {
  narrator.step(
    'Mend and retry',
    'The queue is a table. This row was written by hand, and the name of its parameter is wrong (text_input would be right).',
  );
  const [queued] = await narrator.run<{ request_id: string }>(`
    insert into steadytext_queue (function_name, parameters) values ('embed', '{"text": "Mend the lamp"}')
    returning request_id`);
  const id = queued?.request_id;
  await narrator.runToFail(`
    select steadytext_get_async_result('${id}')`);
  await narrator.run(`
    update steadytext_queue set parameters = '{"text_input": "Mend the lamp"}' where request_id = '${id}'`);
  await narrator.run(`
    select steadytext_retry('${id}') as is_retried`);
  const [row] = await narrator.run<{ result: string | null }>(`
    select left(steadytext_get_async_result('${id}'), 48) as result`);
  demand(row?.result?.startsWith('[') === true, 'the mended request has a vector');
};
