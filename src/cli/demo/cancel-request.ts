import { type DemoStep, demand } from './demo-step.ts';

export const cancelRequest: DemoStep = async (narrator) => {
  narrator.step(
    'Cancel',
    'A request may name its model. One that no worker here serves waits until one does, or until you cancel it.',
  );
  const [queued] = await narrator.run<{ request: string }>(`
    select steadytext_generate_async('A poem about gas light', model => 'openai/some-model') as request`);
  const check = `
    select status from steadytext_check_async('${queued?.request}')`;
  await narrator.run(check);
  await narrator.run(`
    select steadytext_cancel_async('${queued?.request}') as is_cancelled`);
  const [after] = await narrator.run<{ status: string }>(check);
  demand(after?.status === 'cancelled', 'the request is cancelled');
};
