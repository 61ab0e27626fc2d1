import type { Play } from './play.ts';
import { Mismatch } from './verdict.ts';

/** Besides one round for each request, as those in quarantine are run one by one. */
const MORE_ROUNDS = 20;

/**
 * Ends all transactions, lets all workers die and all delays pass, and answers what is left with a new worker: afterwards no request may
 * be unfinished.
 */
export async function drain({ model, take, compareEvents }: Play): Promise<void> {
  for (let isOpen = true; isOpen; ) {
    isOpen = false;
    for (const { name, isBlocked, transaction } of model.sessions.values()) {
      if (transaction !== undefined) isOpen = true;
      if (transaction !== undefined && !isBlocked) await take({ do: 'commit', by: name });
    }
  }
  for (const functionName of [...model.paused]) await take({ do: 'resume', functionName });
  for (const worker of [...model.workers.keys()]) await take({ do: 'fall silent', worker });
  const worker = 'the last';
  await take({ do: 'register', by: 'work1', as: worker });
  await take({ do: 'time passes' });
  await take({ do: 'rescue', by: 'work1' });
  await take({ do: 'promote', by: 'work1' });

  const unfinished = () =>
    [...model.requests.values()].filter(
      ({ committed }) => committed?.status === 'pending' || committed?.status === 'processing',
    );
  let tag = 1_000_000;
  const finish = async () => {
    const claims = unfinished()
      .filter(({ committed }) => committed?.holder === worker)
      .map(({ label, committed }) => `${label}#${committed?.attempt}`);
    tag += 1;
    await take({ do: 'finish', by: 'work1', worker, claims, outcome: 'completed', tag });
  };
  const mostRounds = unfinished().length + MORE_ROUNDS;
  for (let round = 0; round < mostRounds && unfinished().length > 0; round += 1) {
    const [next] = unfinished();
    if (next?.committed === undefined) break;
    const { turn, functionName, model: name } = next.committed;
    if (turn === 'quarantined') await take({ do: 'claim quarantined', by: 'work1' });
    else await take({ do: 'claim', by: 'work1', functionName, model: name, limit: 1_000, looks: true });
    await finish();
  }
  const [stuck] = unfinished();
  if (stuck !== undefined) throw new Mismatch(`${stuck.label} never ended`);
  await compareEvents();
}
