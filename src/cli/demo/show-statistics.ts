import { type DemoStep, demand } from './demo-step.ts';

export const showStatistics: DemoStep = async (narrator) => {
  narrator.step('Statistics', 'What an owner watches: the queue, and the workers.');
  await narrator.run(`
    select function_name, pending, completed, failed, cancelled,
           round(extract(epoch from avg_processing)::numeric * 1000, 1) as avg_ms,
           round(extract(epoch from p95_processing)::numeric * 1000, 1) as p95_ms
    from steadytext_queue_stats()`);
  const workers = await narrator.run(`
    select hostname, pid, status, array_to_string(functions, ',') as functions, concurrency, processed, failed
    from steadytext_worker_status()`);
  demand(workers.length === 1, 'one worker runs');
};
