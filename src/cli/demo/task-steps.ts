import { systemClock } from '../../core/clock.ts';
import { type DemoStep, demand } from './narrator.ts';

/** Pause between two looks at the progress, and how many there are at most. */
const LOOK_MS = 50;
const MOST_LOOKS = 200;

/** Builds an index in the background and watches it, as another session would. */
export const buildIndex: DemoStep = async (narrator) => {
  narrator.step(
    'Build an index in the background',
    'Any SQL can be a task. It runs in a session of its own, as the role that queued it, and a view shows its progress.',
  );
  await narrator.run(`
    create table visit as
    select n as id, md5(n::text) as page
    from generate_series(1, 150000) as n`);
  const [queued] = await narrator.run<{ task: string }>(`
    select lantern.async_task(
      'create index concurrently on visit (page)', 'index on visit') as task`);
  let state = '';
  let shown = '';
  for (let look = 0; look < MOST_LOOKS && !['succeeded', 'failed', 'canceled'].includes(state); look += 1) {
    await systemClock.delay(LOOK_MS);
    const text = `
    select state, progress_phase, progress_percent
    from lantern.task_status where jobid = ${queued?.task}`;
    const [row] = await (shown === '' ? narrator.run<Progress>(text) : narrator.read<Progress>(text));
    state = row?.state ?? '';
    const now = [state, row?.progress_phase ?? '', row?.progress_percent === null ? '' : `${row?.progress_percent} %`];
    const line = now.filter((part) => part !== '').join('  ');
    if (shown !== '' && line !== shown) narrator.tell(line);
    shown = line;
  }
  demand(state === 'succeeded', 'the index is built');
  await narrator.run(`
    select status, duration::text, error_message
    from lantern.tasks where jobid = ${queued?.task}`);
};

interface Progress extends Readonly<Record<string, unknown>> {
  readonly state: string;
  readonly progress_phase: string | null;
  readonly progress_percent: number | null;
}
