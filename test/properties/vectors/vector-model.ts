import { linesOf, vectorOf } from '../../embeddings/target-scene.ts';
import { type DaemonName, type Shape, WRITERS, type WriterName } from './vector-steps.ts';

/** What the documentation says of an embedded table: the rows as their writers left them, and which vectors may stand beside them. */

/** A version of a row; another object for each change of it. */
export interface ModelRow {
  /** Stays when the key changes. */
  readonly ident: number;
  readonly id: number;
  readonly body: string | null;
  readonly note: number;
  /** What stands in the destination, as the observer sees it; null: nothing. */
  readonly vector: string | null;
}

export interface ModelWriter {
  readonly name: WriterName;
  isOpen: boolean;
  isRepeatable: boolean;
  /** The rows as they were at its first statement, of REPEATABLE READ. */
  snapshot: ReadonlyMap<number, ModelRow> | undefined;
  /** Its changes, by ident; undefined: deleted. */
  own: Map<number, ModelRow | undefined>;
  savepoint: ReadonlyMap<number, ModelRow | undefined> | undefined;
  /** It has changed what no trigger saw. */
  isUnseen: boolean;
  /** Keys that it has written or locked; kept after a rollback to the savepoint, which only keeps others away for longer. */
  locked: Set<number>;
}

export interface VectorModel {
  readonly shape: Shape;
  /** As committed, by ident. */
  rows: Map<number, ModelRow>;
  readonly writers: Readonly<Record<WriterName, ModelWriter>>;
  nextIdent: number;
  /** What the job row asks for. */
  spec: { model: string; srcColumn: string };
  isCanceled: boolean;
  /** As it was prepared last. */
  registered: { readonly id: string; readonly generation: string; readonly model: string } | undefined;
  /** Raised by DDL and by changes of the job row: a daemon that has prepared the job before may fail. */
  changes: number;
  preparedAt: Record<DaemonName, number>;
  isCapturing: boolean;
  /** Changes of texts and vectors that no trigger has seen since the last full pass began. */
  isUnseen: boolean;
  /** The same when it began. */
  wasUnseen: boolean;
  /** Rows were moved since the running, or the last, pass began, perhaps to where it has been already. */
  isMoved: boolean;
}

export function createVectorModel(shape: Shape): VectorModel {
  const writer = (name: WriterName): ModelWriter => ({
    name,
    isOpen: false,
    isRepeatable: false,
    snapshot: undefined,
    own: new Map(),
    savepoint: undefined,
    isUnseen: false,
    locked: new Set(),
  });
  return {
    shape,
    rows: new Map(),
    writers: { ann: writer('ann'), bob: writer('bob') },
    nextIdent: 1,
    spec: { model: 'm1', srcColumn: 'body' },
    isCanceled: false,
    registered: undefined,
    changes: 0,
    preparedAt: { one: -1, two: -1 },
    isCapturing: true,
    isUnseen: false,
    wasUnseen: false,
    isMoved: false,
  };
}

/** The job is as its row asks. */
export function isPrepared(model: VectorModel): boolean {
  return (
    model.registered !== undefined &&
    !model.isCanceled &&
    Math.max(model.preparedAt.one, model.preparedAt.two) === model.changes
  );
}

/** Somebody has the table locked until his transaction ends. */
export function isInUse(model: VectorModel): boolean {
  return WRITERS.some((name) => model.writers[name].locked.size > 0);
}

/** The rows that a statement of the writer sees. */
export function viewOf(model: VectorModel, { snapshot, own }: ModelWriter): Map<number, ModelRow> {
  const view = new Map(snapshot ?? model.rows);
  for (const [ident, row] of own) {
    if (row === undefined) view.delete(ident);
    else view.set(ident, row);
  }
  return view;
}

export const isBlank = (text: string | null) => text === null || !/[^ \t\n\r\f\v]/.test(text);
/** Texts that the model refuses. */
export const isBad = (text: string | null) => text?.includes('bad') === true;

/** What stands beside a text once it is embedded; null where nothing can be. */
export function rightVector({ shape }: VectorModel, text: string | null, model: string): string | null {
  if (text === null || isBlank(text) || isBad(text)) return null;
  const shown = (part: string) => `{${[...vectorOf(part, model)]}}`;
  return shape === 'documents'
    ? linesOf(text)
        .map((line, no) => `${no}:${line}:${shown(line)}`)
        .join('|')
    : shown(text);
}
