import type { EmbeddedTable } from './table/embedded-table.ts';

/** Where the texts of a job are kept in chunks, each with its vector, in a table of its own. */
export interface ChunkSpec {
  readonly schema: string;
  readonly table: string;
  /** Most tokens of a chunk. */
  readonly size: number;
  /** Tokens that a chunk shares with the one before it; fewer than `size`. */
  readonly overlap: number;
}

/** What a row of a jobs table asks for, in the terms of the database that holds the table. */
export interface JobSpec {
  /** The name of the jobs table that the row is of, always alike; opaque here. */
  readonly controlId: string;
  /** The row's id as text. */
  readonly jobId: string;
  readonly schema: string;
  readonly table: string;
  readonly srcColumn: string;
  /** The source holds images, for a model that takes these: in a `bytea` column, or, where that is allowed, as URLs in one of texts. */
  readonly images?: { readonly areUrlsAllowed: boolean } | undefined;
  /** The column of the vectors, in the table itself or in that of the chunks. */
  readonly dstColumn: string;
  readonly chunks?: ChunkSpec | undefined;
  /** A boolean column: rows have vectors, or chunks, only while it is true. */
  readonly filterColumn?: string | undefined;
  /** Key columns, separated by commas and quoted where identifiers would be. @default the primary key, else `id` */
  readonly pk?: string | undefined;
  /** The type of a destination that is missing: `real[]`, `vector(n)` or `halfvec(n)`. @default 'REAL[]' */
  readonly columnType?: string | undefined;
  readonly model: string;
  readonly dimensions: number;
  /** Roles whose tables may be served besides those of the login, its members and superusers. */
  readonly trustedOwners: readonly string[];
  /** The role that made the job row, where that is known: the table's owner may let a job overwrite a column that holds vectors. */
  readonly jobRowOwner?: string | undefined;
  /** Bytes of change log beyond which capture only notes that a full pass is due. Too low makes full passes frequent. @default 1 GiB */
  readonly captureLimitBytes?: number | undefined;
}

/** A job that is ready to be worked on, as of one generation: any change of it makes the operations throw JOB_CHANGED. */
export interface PreparedJob {
  /** The job's id in this database; not that of the user's row. */
  readonly id: string;
  readonly generation: string;
  readonly model: string;
  readonly dimensions: number;
  /** False when vectors of unknown origin may be of another model: they are made again. */
  readonly trustsVectors: boolean;
  readonly table: EmbeddedTable;
  /** What the user should know: sentences for the log and the status. */
  readonly warnings: readonly string[];
}
