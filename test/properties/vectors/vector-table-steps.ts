import { cancelJob } from '../../../src/embeddings/cancel-job.ts';
import { isInUse, type ModelRow, type VectorModel } from './vector-model.ts';
import { createTable, TABLE, type VectorStage } from './vector-stage.ts';
import type { Alteration, TableStep } from './vector-steps.ts';

/** What the owner of the table, or of the job row, does; false when it makes no sense, or would wait for a writer. */
export async function takeTableStep(stage: VectorStage, model: VectorModel, step: TableStep): Promise<boolean> {
  const { admin } = stage;
  switch (step.do) {
    case 'alter':
      return !isInUse(model) && alter(stage, model, step.what);
    case 'disable triggers':
    case 'enable triggers': {
      const isCapturing = step.do === 'enable triggers';
      if (isInUse(model) || model.isCapturing === isCapturing) return false;
      await admin.query(`alter table ${TABLE} ${isCapturing ? 'enable' : 'disable'} trigger user`);
      model.isCapturing = isCapturing;
      return true;
    }
    case 'change model':
      if (model.spec.model === step.model) return false;
      model.spec = { ...model.spec, model: step.model };
      model.changes += 1;
      return true;
    case 'cancel job':
      if (model.registered === undefined || model.isCanceled) return false;
      await cancelJob(stage.pool, model.registered.id);
      model.isCanceled = true;
      model.changes += 1;
      return true;
  }
}

async function alter(stage: VectorStage, model: VectorModel, what: Alteration): Promise<boolean> {
  const { admin } = stage;
  const { srcColumn: src } = model.spec;
  const run = async (statement: string) => {
    await admin.query(statement.replaceAll('%', TABLE));
    return true;
  };
  const rewrite = (change: (row: ModelRow) => ModelRow) => {
    model.rows = new Map([...model.rows].map(([ident, row]) => [ident, change(row)]));
  };
  /** The job cannot be as it was. */
  const changed = async (statement: string) => {
    model.changes += 1;
    return run(statement);
  };
  switch (what) {
    case 'rename source': {
      const to = src === 'body' ? 'content' : 'body';
      await changed(`alter table % rename ${src} to ${to}`);
      model.spec = { ...model.spec, srcColumn: to };
      return true;
    }
    case 'retype source': {
      const { rows } = await admin.query<{ type: string }>(
        `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = '${TABLE}'::regclass and attname = $1`,
        [src],
      );
      return changed(`alter table % alter ${src} type ${rows[0]?.type === 'text' ? 'varchar(200)' : 'text'}`);
    }
    case 'replace source':
      rewrite((row) => ({ ...row, body: null }));
      return changed(`alter table % drop ${src}; alter table % add ${src} text`);
    case 'retype key':
      if (model.shape !== 'column') return false;
      return changed(`alter table % alter id type bigint; alter table % alter id type int`);
    case 'replace destination':
      if (model.shape === 'documents' || model.registered === undefined) return false;
      rewrite((row) => ({ ...row, vector: null }));
      return changed('alter table % drop if exists vec; alter table % add vec real[]');
    case 'replace table':
      if (model.shape === 'documents') return false;
      await changed(`drop table %; ${createTable(model.shape)}`);
      model.spec = { ...model.spec, srcColumn: 'body' };
      model.rows = new Map(
        [1, 5].map((id) => {
          const ident = model.nextIdent;
          model.nextIdent += 1;
          return [ident, { ident, id, body: `again ${id}`, note: 0, vector: null }];
        }),
      );
      for (const { ident, id, body } of model.rows.values()) {
        await admin.query(`insert into ${TABLE} (ident, id, body) values ($1, $2, $3)`, [ident, id, body]);
      }
      model.isCapturing = true;
      return true;
    case 'add column':
      return changed('alter table % add if not exists extra uuid default gen_random_uuid()');
    case 'drop column':
      return changed('alter table % drop column if exists extra');
    case 'truncate':
      // Notices of capture are none: what is gone needs no vector.
      model.rows = new Map();
      return run('truncate % cascade');
    case 'vacuum':
      return run('vacuum %');
    case 'vacuum full':
      model.isMoved = true;
      return run('vacuum full %');
  }
}
