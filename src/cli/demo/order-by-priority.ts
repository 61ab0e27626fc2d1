import { type DemoStep, demand } from './demo-step.ts';

export const orderByPriority: DemoStep = async (narrator) => {
  narrator.step(
    'Priorities',
    'Three requests wait while the function is paused; the most urgent one is taken first, the oldest last here.',
  );
  await narrator.run("select steadytext_pause('embed')");
  await narrator.run(`
    create table errand as
    select n, priority, steadytext_embed_async('errand number ' || n, priority => priority) as request
    from (values (1, 0), (2, 5), (3, 9)) as listed (n, priority)`);
  await narrator.run("select steadytext_resume('embed')");
  await narrator.run('select count(steadytext_get_async_result(request)) as answered from errand');
  const rows = await narrator.run<{ priority: number }>(`
    select n, errand.priority, rank() over (order by started_at) as turn
    from errand join steadytext_queue on request_id = request
    order by turn, errand.priority desc`);
  demand(rows[0]?.priority === 9, 'the highest priority is first');
};
