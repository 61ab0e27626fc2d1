import { expect, test } from 'vitest';
import { generate, untilStatus } from '../support/requests.ts';
import { useScene } from './worker-scene.ts';

const scene = useScene();

test('two poisoned requests in two lanes end failed within their budget, and cost their neighbours nothing', async () => {
  const embeds = await scene.embed(['a', '!die', 'b', 'c']);
  const prompts = ['d', '!die', 'e'].map(scene.callers.unique);
  const generates = await scene.callers.enqueue(prompts, async (texts) => {
    const ids: string[] = [];
    for (const text of texts) ids.push(await generate(scene.db.pool, text));
    return ids;
  });
  const poisons = [embeds[1] ?? '', generates[1] ?? ''];
  const neighbours = [...embeds, ...generates].filter((id) => !poisons.includes(id));

  let isOver = false;
  let deaths = 0;
  /** As systemd does: whenever the worker has died, another one is started. */
  const keepAlive = async () => {
    while (!isOver) {
      await using child = await scene.spawn({ maxRetries: 0 });
      current = child;
      const { signal } = await child.exited;
      if (!isOver && signal === 'SIGKILL') deaths += 1;
    }
  };
  let current: { kill(signal: NodeJS.Signals): void } | undefined;
  const kept = keepAlive();
  try {
    const rows = await untilStatus(scene.db.pool, poisons, 'failed', { timeoutMs: 40_000 });
    expect(rows).toMatchObject(
      poisons.map(() => ({ error: 'The worker died while it ran this request alone', retry_count: 0 })),
    );
    expect(await scene.untilCompleted(neighbours)).toMatchObject(
      neighbours.map(() => ({ retry_count: 0, error: null })),
    );
    await scene.untilCompleted(await scene.embed(['afterwards']));
    // Together or one after the other, each poison kills twice as an ordinary request; then once in a group unless that is itself alone,
    // up to twice alone while the other lane is at work, and once when that is its own fault.
    expect(deaths).toBeGreaterThanOrEqual(4);
    expect(deaths).toBeLessThanOrEqual(12);
  } finally {
    isOver = true;
    current?.kill('SIGKILL');
    await kept;
  }
  await scene.expectGoodHistory({ maxRetries: 0 });
}, 60_000);
