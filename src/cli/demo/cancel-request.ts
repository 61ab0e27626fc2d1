import { type DemoStep, demand } from './demo-step.ts';

export const cancelRequest: DemoStep = async (narrator) => {
  narrator.step(
    'Cancel',
    'No worker here can generate text: engines for that come in a later version. Such a request waits until one can, or until you cancel it.',
  );
  const [queued] = await narrator.run<{ request: string }>(`
    select steadytext_generate_async('A poem about gas light') as request`);
  const check = `
    select status from steadytext_check_async('${queued?.request}')`;
  await narrator.run(check);
  await narrator.run(`
    select steadytext_cancel_async('${queued?.request}') as is_cancelled`);
  const [after] = await narrator.run<{ status: string }>(check);
  demand(after?.status === 'cancelled', 'the request is cancelled');
};
