import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeDefect } from '../defects.ts';
import { runVectorSteps } from './vector-interleaving.ts';
import { createVectorStage, type VectorStage } from './vector-stage.ts';
import type { Alteration, DaemonName, Shape, VectorStep } from './vector-steps.ts';

/** That the comparison of `vector-interleavings.test.ts` bites: each of these defects is made in the SQL, and has to be noticed. */
interface VectorDefect {
  readonly name: string;
  /** The function of the schema; absent: a statement of the daemon's. */
  readonly in?: string;
  readonly find: string;
  readonly replace: string;
  /** @default 'column' */
  readonly shape?: Shape;
  readonly noticedBy: readonly VectorStep[];
  readonly says: string;
}

const prepare = (by: DaemonName = 'one'): VectorStep => ({ do: 'prepare', by });
const page: VectorStep = { do: 'page', by: 'one', limit: 9 };
const claim = (by: DaemonName = 'one'): VectorStep => ({ do: 'claim', by, limit: 9, isFullLook: true });
const write: VectorStep = { do: 'write', by: 'one', isAnswered: true };
const update = (ids: readonly number[] = [1, 2], text = 'two'): VectorStep => ({ do: 'update', by: 'ann', ids, text });
const bury = (by: DaemonName = 'one'): VectorStep => ({ do: 'bury', by });
const rescue: VectorStep = { do: 'rescue', by: 'two' };
const alter = (what: Alteration): VectorStep => ({ do: 'alter', what });
const model2: VectorStep = { do: 'change model', model: 'm2' };
const insert: VectorStep = { do: 'insert', by: 'ann', ids: [1, 2, 3], text: 'one\nother', hasVector: false };
/** Every row has its vector, and nothing waits. */
const settled: readonly VectorStep[] = [insert, prepare(), page, write, page, claim(), prepare('two')];

const DEFECTS: readonly VectorDefect[] = [
  {
    name: 'capture does not look at the text',
    in: 'lamplighter.read_capture_source',
    find: 'if not (%1$s or %2$s)',
    replace: 'if not (%2$s)',
    noticedBy: [...settled, update()],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'capture keeps quiet where it cannot tell',
    in: 'lamplighter.read_capture_source',
    find: 'exception when others then\n    v_key := null;',
    replace: 'exception when others then\n    return new;',
    noticedBy: [...settled, update([3]), claim(), write, alter('rename source'), update([1]), prepare()],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'capture takes a run of keys for noted when another transaction has noted it',
    in: 'lamplighter.read_capture_source',
    find: "set_config('lamplighter.capture_%1$s', v_run, true)",
    replace: "set_config('lamplighter.capture_%1$s', v_run, false)",
    noticedBy: [...settled, update(), claim(), write, update([1, 2], 'three')],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'a claim drops keys',
    in: 'lamplighter.claim_changes',
    find: 'into keys, v_marked_at\n  from named as n;',
    replace: `into keys, v_marked_at\n  from named as n; keys := array_remove(keys, '{2}');`,
    noticedBy: [...settled, update(), claim()],
    says: 'what is lost is [{"id":2',
  },
  {
    name: 'a claim overlooks a marker',
    in: 'lamplighter.claim_changes',
    find: 'is_marked := v_marked_at is not null',
    replace: 'is_marked := false',
    noticedBy: [...settled, update([3]), claim(), write, alter('rename source'), update([1]), claim(), prepare()],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'a claim takes a stamp of another text for a proof',
    find: 'k.text_hash = f.text_hash and k.model',
    replace: 'k.model',
    noticedBy: [...settled, update(), claim()],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'a claim takes a stamp of another model for a proof',
    find: 'k.text_hash = f.text_hash and k.model = $2',
    replace: 'k.text_hash = f.text_hash and $2::text is not null',
    noticedBy: [...settled, model2, prepare(), page],
    says: 'what is told to be complete lacks is [{"id":1',
  },
  {
    name: 'rows that a provider gave back are forgotten',
    in: 'lamplighter.finish_embeddings',
    find: 'if cardinality(p_again) > 0',
    replace: 'if cardinality(p_again) > 1000',
    noticedBy: [...settled, update(), claim(), { do: 'write', by: 'one', isAnswered: false }],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'rows that failed once are forgotten',
    in: 'lamplighter.finish_embeddings',
    find: 'if cardinality(v_retried) > 0',
    replace: 'if cardinality(v_retried) > 1000',
    noticedBy: [...settled, update([1], 'bad'), claim(), write],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'the vector of a former text stays beside one that fails',
    in: 'lamplighter.finish_embeddings',
    find: 'return v_final;',
    replace: `return '{}';`,
    noticedBy: [...settled, update([1], 'bad'), claim(), write, { do: 'wait' }, claim(), write],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'a batch that was rescued is written by the one who lost it',
    in: 'lamplighter.require_batch',
    find: 'and b.holder = p_holder for',
    replace: 'for',
    noticedBy: [...settled, update(), claim(), bury(), rescue, { do: 'write late', by: 'one', isAnswered: true }],
    says: 'wrote a batch that it had lost',
  },
  {
    name: 'a vector of the former model is written',
    in: 'lamplighter.require_embedding_job',
    find: 'and j.generation = p_generation',
    replace: '',
    noticedBy: [...settled, update(), claim(), model2, prepare('two'), write],
    says: 'a daemon wrote',
  },
  {
    name: 'a rescue keeps one half of a batch only',
    in: 'lamplighter.rescue_batches',
    find: 'from orphan as o where o.is_halved',
    replace: 'from orphan as o where false',
    noticedBy: [...settled, update(), claim(), bury(), rescue, prepare(), claim(), bury(), rescue],
    says: 'what is lost is [{"id":2',
  },
  {
    name: 'a rescue overlooks the dead',
    in: 'lamplighter.rescue_batches',
    find: "w.status in ('running',",
    replace: "w.status in ('dead', 'running',",
    noticedBy: [...settled, update(), claim('two'), bury('two'), rescue],
    says: 'what is wrong at rest is [{"id":1',
  },
  {
    name: 'a batch that was given back stays with its holder',
    in: 'lamplighter.release_batch',
    find: 'where b.id = p_batch and',
    replace: 'where false and',
    noticedBy: [...settled, update(), claim(), { do: 'release', by: 'one' }],
    says: 'what is wrong at rest is [{"id":1',
  },
  {
    name: 'another model makes no pass due',
    in: 'lamplighter.register_embedding_job',
    find: 'set is_pass_due = true,',
    replace: 'set',
    noticedBy: [...settled, model2, prepare()],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'a pass counts nothing of what it finds',
    in: 'lamplighter.record_page',
    find: 'into is_end, found_rows;',
    replace: 'into is_end, found_rows; if is_end then found_rows := 0; return next; return; end if;',
    noticedBy: [insert, prepare(), page],
    says: 'what is told to be complete lacks is [{"id":1',
  },
  {
    name: 'a pass overlooks what waits for another vector',
    in: 'lamplighter.record_page',
    find: 'where b.job = p_job and b.is_of_pass;',
    replace: 'where false;',
    noticedBy: [...settled, model2, prepare(), page, { do: 'release', by: 'one' }, page, page, page],
    says: 'what is told to be complete lacks is [{"id":1',
  },
  {
    name: 'a full pass compares no text',
    find: `when k.is_waiting then 'same' else`,
    replace: `when k.is_waiting or not f.is_missing then 'same' else`,
    noticedBy: [...settled, { do: 'disable triggers' }, update(), { do: 'wait for an hour' }, page],
    says: 'is [{"id":1',
  },
  {
    name: 'the chunks that a shorter text has no more are left',
    shape: 'documents',
    find: 'and (c.chunk_no operator(pg_catalog.>=) w.most',
    replace: 'and false and (c.chunk_no operator(pg_catalog.>=) w.most',
    noticedBy: [...settled, update([1], 'one'), claim(), write],
    says: 'what is lost is [{"id":1',
  },
  {
    name: 'chunks of the former model are taken for known',
    shape: 'documents',
    find: "when p.kind = 'embed' and p.is_proven then",
    replace: "when p.kind = 'embed' then",
    noticedBy: [...settled, model2, prepare(), page, write],
    says: 'what is told to be complete lacks is [{"id":1',
  },
];

let stage: VectorStage;
beforeAll(async () => {
  stage = await createVectorStage();
});
afterAll(() => stage[Symbol.asyncDispose]());
afterEach(() => {
  stage.edit = (statement) => statement;
});

async function plant(defect: VectorDefect): Promise<() => Promise<void>> {
  if (defect.in !== undefined) return makeDefect(stage.admin, { ...defect, in: defect.in });
  stage.edit = (statement) => statement.replaceAll(defect.find, () => defect.replace);
  return async () => {
    stage.edit = (statement) => statement;
  };
}

test.each(DEFECTS)('$name: noticed', async (defect) => {
  const { noticedBy, says, shape = 'column' } = defect;
  const mend = await plant(defect);
  const failure = await runVectorSteps(stage, shape, noticedBy).finally(mend);
  expect(failure?.message).toContain(says);
  expect(await runVectorSteps(stage, shape, noticedBy)).toBeUndefined();
});
