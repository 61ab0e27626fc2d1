import { type DemoStep, demand } from './demo-step.ts';

export const waitInOneTransaction: DemoStep = async (narrator) => {
  narrator.step(
    'Queue and wait in one transaction',
    'No worker can see a row before its transaction commits, so the request takes a way of its own, through dblink.',
  );
  const [row] = await narrator.run<{ result: string | null }>(`
    select steadytext_get_async_result(steadytext_rerank_async('who lights the lamps?', array[
      'Electric light', 'The lamplighter lights one lamp after the other', 'Lamps are lit at dusk'])) as result`);
  demand(
    row?.result?.startsWith('[["The lamplighter') === true,
    'the answer is there before the transaction has committed',
  );
};
