import { Mismatch, requireEqual } from '../verdict.ts';
import { isBad, isBlank, isPrepared, type ModelRow, rightVector, type VectorModel } from './vector-model.ts';
import { CHUNKS, TABLE, type VectorStage } from './vector-stage.ts';

interface FoundRow {
  readonly ident: number;
  readonly id: number;
  readonly body: string | null;
  readonly note: number;
  readonly vector: string | null;
}

/** What waits to be embedded. */
interface Waiting {
  readonly is_pass_ahead: boolean;
  readonly is_marked: boolean;
  readonly keys: readonly string[];
  /** Those of them that a pass has found. */
  readonly pass_keys: readonly string[];
}

/**
 * Compares the table with the model. A step of a writer's, or DDL, changes no vector but its own; a daemon's changes nothing else, and only to
 * what is right. Every row whose vector is not right waits somewhere to be embedded.
 *
 * @param isOfDaemon the step was a daemon's
 * @param isTold a daemon has told that every row has its vector
 */
export async function compareVectors(
  stage: VectorStage,
  model: VectorModel,
  { isOfDaemon, isTold }: { readonly isOfDaemon: boolean; readonly isTold: boolean },
): Promise<void> {
  const found = await readRows(stage, model);
  const plain = (row: FoundRow) => ({ ident: row.ident, id: row.id, body: row.body, note: row.note });
  const wanted = [...model.rows.values()].sort((a, b) => a.ident - b.ident);
  requireEqual('the rows', found.map(plain), wanted.map(plain));
  for (const row of found) {
    const before = model.rows.get(row.ident);
    if (before === undefined || before.vector === row.vector) continue;
    if (!isOfDaemon) {
      throw new Mismatch(`the vector of ${row.id} is ${row.vector}, and was left as ${before.vector}`);
    }
    const right = rightVector(model, row.body, model.registered?.model ?? '');
    if (row.vector !== right || model.isCanceled) {
      throw new Mismatch(`a daemon wrote ${row.vector} beside "${row.body}" (${row.id}), where ${right} is right`);
    }
    model.rows.set(row.ident, { ...before, vector: row.vector });
  }
  if (!isPrepared(model)) return;
  const waiting = await readWaiting(stage, model);
  // A marker in the log stands for changes of rows that nobody knows yet.
  if (waiting.is_marked || (!isTold && waiting.is_pass_ahead)) return;
  const isWaiting = ({ id }: ModelRow) =>
    waiting.keys.includes(`{${id}}`) && !(isTold && waiting.pass_keys.includes(`{${id}}`));
  const lost = [...model.rows.values()].filter((row) => !isWaiting(row) && isLost(model, row));
  requireEqual(
    isTold ? 'what is told to be complete lacks' : 'what is lost',
    lost.map(({ id, body, vector }) => ({ id, body, vector })),
    [],
  );
}

/** Not right, and not found by the next full pass alone. */
function isLost(model: VectorModel, row: ModelRow): boolean {
  if (isRight(model, row) || model.isUnseen) return false;
  return !(model.isMoved && (model.wasUnseen || row.vector === null));
}

export function isRight(model: VectorModel, { body, vector }: ModelRow): boolean {
  return vector === rightVector(model, body, model.spec.model);
}

async function readRows({ admin }: VectorStage, { shape, spec }: VectorModel): Promise<FoundRow[]> {
  const { rows: there } = await admin.query<{ vec: boolean }>(
    shape === 'documents'
      ? `select to_regclass('${CHUNKS}') is not null as vec`
      : `select exists (select from pg_attribute where attrelid = '${TABLE}'::regclass and attname = 'vec' and not attisdropped) as vec`,
  );
  const vector =
    there[0]?.vec !== true
      ? 'null'
      : shape === 'documents'
        ? `(select string_agg(c.chunk_no || ':' || c.chunk || ':' || coalesce(c.vec::text, 'none'), '|' order by c.chunk_no) from ${CHUNKS} as c where c.id = t.id)`
        : 't.vec::text';
  const { rows } = await admin.query<FoundRow>(
    `select t.ident, t.id::int as id, t.${spec.srcColumn}::text as body, t.note, ${vector} as vector from ${TABLE} as t order by t.ident`,
  );
  return rows;
}

async function readWaiting({ admin }: VectorStage, { registered }: VectorModel): Promise<Waiting> {
  const { rows } = await admin.query<Waiting>(
    `select p.is_pass_due or p.pass_relations is not null or p.found_count > 0 or p.pass_number = 0 as is_pass_ahead,
            exists (select from lamplighter.change as c where c.job = p.job and c.key is null) as is_marked,
            array(select case when c.run_length is null then c.key::text else array[(c.key[1]::bigint + no)::text]::text end
                  from lamplighter.change as c, generate_series(0, coalesce(c.run_length, 1) - 1) as no
                  where c.job = p.job and c.key is not null)
              || array(select k from lamplighter.embedding_batch as b, unnest(b.keys) as k where b.job = p.job) as keys,
            array(select k from lamplighter.embedding_batch as b, unnest(b.keys) as k where b.job = p.job and b.is_of_pass) as pass_keys
     from lamplighter.embedding_progress as p where p.job = $1`,
    [registered?.id],
  );
  const [waiting] = rows;
  if (waiting === undefined) throw new Mismatch('the job is gone');
  return waiting;
}

/** When all is at rest: nothing is missing or stale, nothing waits, and only texts that no model takes have failed. */
export async function requireRest(stage: VectorStage, model: VectorModel): Promise<void> {
  const wrong = [...model.rows.values()].filter((row) => !isRight(model, row));
  requireEqual(
    'what is wrong at rest',
    wrong.map(({ id, body, vector }) => ({ id, body, vector })),
    [],
  );
  const waiting = await readWaiting(stage, model);
  requireEqual('what waits at rest', waiting, { is_pass_ahead: false, is_marked: false, keys: [], pass_keys: [] });
  const { rows } = await stage.admin.query<{ key: string }>(
    'select f.key from lamplighter.embedding_failure as f where f.job = $1 order by f.key',
    [model.registered?.id],
  );
  const failed = rows.map(({ key }) => key);
  // Those of rows that are gone are pruned some time.
  const there = [...model.rows.values()].filter(({ id }) => failed.includes(`{${id}}`));
  const bad = [...model.rows.values()].filter(({ body }) => !isBlank(body) && isBad(body));
  requireEqual('what has failed', idsOf(there), idsOf(bad));
}

const idsOf = (rows: readonly ModelRow[]) => rows.map(({ id }) => id).sort();
