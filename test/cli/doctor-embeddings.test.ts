import { expect, test } from 'vitest';
import { createTargetScene } from '../embeddings/target-scene.ts';
import { runCli } from './run-cli.ts';

test('doctor tells which embedding jobs have failed, before or after they were taken up, are served by nobody for long, or have a full change log', async () => {
  await using scene = await createTargetScene();
  for (const table of ['well', 'young', 'unserved', 'failed', 'canceled', 'flooded', 'refused']) {
    // Integer keys that follow each other are logged together.
    const type = table === 'flooded' ? 'text' : 'integer';
    await scene.run(`create table ${table} (id ${type} primary key, body text)`);
  }
  await scene.settle(await scene.prepare('well'));
  await scene.prepare('young');
  const refused = await scene.prepare('refused');
  await scene.settle(refused);
  await scene.prepare('unserved');
  await scene.prepare('failed');
  await scene.prepare('canceled');
  await scene.settle(await scene.prepare('flooded', { captureLimitBytes: 100_000 }));
  await scene.run(`update lamplighter.embedding_job set registered_at = now() - interval '3 hours'
    where job_id in ('unserved', 'failed', 'canceled')`);
  await scene.run("update lamplighter.embedding_job set state = 'canceled' where job_id = 'canceled'");
  await scene.run(
    "update lamplighter.embedding_job set state = 'failed', reason = E'There is no\\ncolumn body' where job_id = 'failed'",
  );
  await scene.run("insert into flooded select 64 * n, 'text' from generate_series(1, 5000) as n");
  await scene.run(`create table "My jobs" (id text primary key, schema text, "table" text, src_column text, dst_column text, embedding_model text,
    init_failed_at timestamptz, init_failure_reason text, canceled_at boolean)`);
  await scene.run(`insert into "My jobs" values
    ('9', null, 'docs', 'body', 'vec', 'nowhere/model', now(), 'Model "nowhere/model" not found.', null),
    ('10', null, 'docs', 'body', 'vec', 'nowhere/model', now(), 'Model "nowhere/model" not found.', true),
    ('failed', 'public', 'failed', 'body', 'vec', 'test/model', now(), E'There is no\\ncolumn body', false)`);
  await scene.run(`insert into lamplighter.embedding_failure (job, key_hash, key, attempts, is_final, error)
    values (${refused.id}, md5('1')::uuid, '{1}', 5, true, 'too long')`);

  const { code, stdout } = await runCli(['doctor', '--uri', scene.db.uri]);
  const told = stdout.split('\n').flatMap((line) => /^warning +embeddings +(job .*)$/.exec(line)?.[1] ?? []);
  expect(told).toEqual([
    'job refused (public.refused.vec) has rows that cannot be embedded: 1',
    'job unserved (public.unserved.vec) has been served by no daemon for 3 h',
    'job failed (public.failed.vec) has failed: There is no column body',
    'job flooded (public.flooded.vec) has a change log that has reached its limit; a full pass over the table is due',
    'job 9 (public.docs.vec) has failed: Model "nowhere/model" not found.',
  ]);
  expect(stdout).toMatch(/fix: Start one with "lantern-cli start-daemon"/);
  expect(stdout).toContain('lamplighter jobs retry-failures refused');
  expect(code).toBe(0);

  const status = () => runCli(['status', '--uri', scene.db.uri]);
  expect((await status()).stdout).toContain('some are served by no daemon');
  await scene.run('update lamplighter.embedding_progress set served_by = gen_random_uuid(), served_at = now()');
  const { stdout: shown } = await status();
  expect(shown).not.toContain('some are served by no daemon');
  expect(shown).toMatch(/^ *9 +public\.docs\.vec +nowhere\/model +failed .* Model "nowhere\/model" not found\.$/m);
  expect(shown.match(/^ *failed +public\.failed\.vec/gm)).toHaveLength(1);
  expect(shown).toContain('a failed job is looked at again each minute: fix what its reason says');

  const monitor = await scene.db.createRole('monitor');
  await scene.run(`select lamplighter.grant_monitor('${monitor.name}')`);
  const { stdout: figures } = await runCli(['status', '--uri', monitor.uri]);
  expect(figures).toContain('! The embedding job failed has failed: the owner sees why.');
  expect(figures).toMatch(/^ *failed +- +m1 +failed /m);
  expect(figures).toContain('tables, reasons and jobs that could not be taken up are for the owner to see');
}, 60_000);
