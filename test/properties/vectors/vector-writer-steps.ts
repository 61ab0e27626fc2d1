import pg from 'pg';
import { Mismatch } from '../verdict.ts';
import { type ModelRow, type ModelWriter, type VectorModel, viewOf } from './vector-model.ts';
import { TABLE, type VectorStage } from './vector-stage.ts';
import { WRITERS, type WriterStep } from './vector-steps.ts';

/** A vector that no model makes of any text. */
const OWN_VECTOR = '{-1,-1,-1}';

/**
 * What a writer does, perhaps in a transaction that stays open; false when it makes no sense, or would wait for somebody else. No statement
 * fails but for another change of its rows since the snapshot of REPEATABLE READ.
 */
export async function takeWriterStep(stage: VectorStage, model: VectorModel, step: WriterStep): Promise<boolean> {
  const writer = model.writers[step.by];
  const db = stage.writerOf(step.by);
  switch (step.do) {
    case 'begin':
      if (writer.isOpen) return false;
      await db.query(`begin isolation level ${step.isolation}`);
      writer.isOpen = true;
      writer.isRepeatable = step.isolation === 'repeatable read';
      return true;
    case 'commit':
    case 'rollback':
      if (!writer.isOpen) return false;
      await db.query(step.do);
      end(model, writer, step.do === 'commit');
      return true;
    case 'savepoint':
      if (!writer.isOpen) return false;
      await db.query('savepoint s');
      writer.savepoint = new Map(writer.own);
      return true;
    case 'rollback to savepoint':
      if (writer.savepoint === undefined) return false;
      await db.query('rollback to savepoint s');
      writer.own = new Map(writer.savepoint);
      return true;
    case 'insert':
    case 'update':
    case 'touch':
    case 'lock':
    case 'delete':
    case 'forget vectors':
    case 'rekey':
      return runStatement(stage, model, writer, step);
  }
}

type Statement = Exclude<
  WriterStep,
  { readonly do: 'begin' | 'commit' | 'rollback' | 'savepoint' | 'rollback to savepoint' }
>;

async function runStatement(
  stage: VectorStage,
  model: VectorModel,
  writer: ModelWriter,
  step: Statement,
): Promise<boolean> {
  const db = stage.writerOf(writer.name);
  const { admin } = stage;
  const keys = step.do === 'rekey' ? [step.id, step.to] : step.ids;
  if (WRITERS.some((name) => name !== writer.name && keys.some((id) => model.writers[name].locked.has(id))))
    return false;
  if (step.do === 'forget vectors' && (model.shape === 'documents' || !(await hasDestination(db)))) return false;
  if (step.do === 'insert' && step.hasVector && !(await mayBringVectors(admin, model))) return false;
  const snapshot = writer.isRepeatable ? (writer.snapshot ?? new Map(model.rows)) : undefined;
  const view = viewOf(model, { ...writer, snapshot });
  const seen = [...view.values()].filter(({ id }) => keys.includes(id));
  const isTaken = (id: number) => [...model.rows.values(), ...view.values()].some((row) => row.id === id);
  if (step.do === 'insert' && step.ids.some(isTaken)) return false;
  if (step.do === 'rekey' && (isTaken(step.to) || seen.length === 0)) return false;
  // A row that was deleted or moved since would be found by a newer version only.
  const mayFail = snapshot !== undefined && keys.some((id) => byId(model.rows, id) !== byId(snapshot, id));
  writer.snapshot = snapshot;

  const src = pg.escapeIdentifier(model.spec.srcColumn);
  const [text, params] = statementOf(step, src, model.nextIdent);
  try {
    await db.query(text, params);
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? error.code : undefined;
    if (code !== '40001' || !mayFail) throw new Mismatch(`${writer.name}'s statement failed: ${error}`);
    await db.query('rollback');
    end(model, writer, false);
    return true;
  }
  for (const id of keys) writer.locked.add(id);
  for (const row of changed(step, seen, model)) writer.own.set(row.ident, row.row);
  model.isMoved = true;
  if (!model.isCapturing || step.do === 'forget vectors') writer.isUnseen = true;
  if (!writer.isOpen) end(model, writer, true);
  return true;
}

function statementOf(step: Statement, src: string, nextIdent: number): [text: string, params: unknown[]] {
  switch (step.do) {
    case 'insert':
      return [
        `insert into ${TABLE} (ident, id, ${src}${step.hasVector ? ', vec' : ''})
         select $1 + n - 1, id, $3${step.hasVector ? `, '${OWN_VECTOR}'` : ''} from unnest($2::int[]) with ordinality as u (id, n)`,
        [nextIdent, step.ids, step.text],
      ];
    case 'update':
      return [`update ${TABLE} set ${src} = $2 where id = any ($1)`, [step.ids, step.text]];
    case 'touch':
      return [`update ${TABLE} set note = note + 1 where id = any ($1)`, [step.ids]];
    case 'lock':
      return [`select from ${TABLE} where id = any ($1) for update`, [step.ids]];
    case 'delete':
      return [`delete from ${TABLE} where id = any ($1)`, [step.ids]];
    case 'forget vectors':
      return [`update ${TABLE} set vec = null where id = any ($1)`, [step.ids]];
    case 'rekey':
      return [`update ${TABLE} set id = $2 where id = $1`, [step.id, step.to]];
  }
}

function changed(
  step: Statement,
  seen: readonly ModelRow[],
  model: VectorModel,
): { readonly ident: number; readonly row: ModelRow | undefined }[] {
  const each = (change: (row: ModelRow) => ModelRow | undefined) =>
    seen.map((row) => ({ ident: row.ident, row: change(row) }));
  switch (step.do) {
    case 'insert':
      return step.ids.map((id) => {
        const ident = model.nextIdent;
        model.nextIdent += 1;
        return { ident, row: { ident, id, body: step.text, note: 0, vector: step.hasVector ? OWN_VECTOR : null } };
      });
    case 'update':
      return each((row) => ({ ...row, body: step.text }));
    case 'touch':
      return each((row) => ({ ...row, note: row.note + 1 }));
    case 'lock':
      return [];
    case 'delete':
      return each(() => undefined);
    case 'forget vectors':
      return each((row) => ({ ...row, vector: null }));
    case 'rekey':
      return seen.filter(({ id }) => id === step.id).map((row) => ({ ident: row.ident, row: { ...row, id: step.to } }));
  }
}

const byId = (rows: ReadonlyMap<number, ModelRow>, id: number) => [...rows.values()].find((row) => row.id === id);

async function hasDestination(db: pg.Client): Promise<boolean> {
  const { rowCount } = await db.query(
    `select from pg_attribute where attrelid = '${TABLE}'::regclass and attname = 'vec' and not attisdropped`,
  );
  return rowCount === 1;
}

/** Not before the first pass is over: vectors that come before are trusted, and these are of no text. */
async function mayBringVectors(db: pg.Client, model: VectorModel): Promise<boolean> {
  if (model.shape === 'documents' || !model.isCapturing || model.isUnseen || !(await hasDestination(db))) return false;
  const { rowCount } = await db.query('select from lamplighter.embedding_progress where full_pass_at is not null');
  return rowCount === 1;
}

function end(model: VectorModel, writer: ModelWriter, isCommitted: boolean): void {
  if (isCommitted) {
    model.isMoved ||= writer.own.size > 0;
    model.isUnseen ||= writer.isUnseen;
    for (const [ident, row] of writer.own) {
      if (row === undefined) model.rows.delete(ident);
      // Chunks are not the writer's, and may have been written meanwhile.
      else if (model.shape === 'documents')
        model.rows.set(ident, { ...row, vector: model.rows.get(ident)?.vector ?? null });
      else model.rows.set(ident, row);
    }
  }
  Object.assign(writer, {
    isOpen: false,
    isRepeatable: false,
    snapshot: undefined,
    savepoint: undefined,
    isUnseen: false,
  });
  writer.own = new Map();
  writer.locked = new Set();
}
