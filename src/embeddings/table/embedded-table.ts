/** How one column's values are told apart, found again and turned into text. */
export interface KeyColumn {
  readonly name: string;
  /** Qualified base type, without a modifier. */
  readonly type: string;
  /** The type's own equality, qualified; undefined where it has none that an index could use: its texts are compared. */
  readonly equality: string | undefined;
  /** True when a cast to text is the type's own and the same in all sessions. */
  readonly isPlain: boolean;
}

/** `plain`: a cast to text is the type's own; `bytes`: images, whose bytes are taken as text in base64. */
export type SourceKind = 'plain' | 'other' | 'bytes';

export interface VectorWire {
  /** Qualified. */
  readonly type: string;
  readonly oid: number;
  /** It is pgvector's. */
  readonly isOfExtension: boolean;
}

/** The columns of a table of chunks between those of the key and the vector. */
export const CHUNK_NUMBER = 'chunk_no';
export const CHUNK_TEXT = 'chunk';

/** The table in which the chunks of the texts stand, by key and number. */
export interface ChunkTable {
  readonly oid: string;
  /** Qualified and quoted. */
  readonly name: string;
  /** Quoted. */
  readonly schema: string;
  readonly size: number;
  readonly overlap: number;
}

/** A table of the user's as the statements on it need it; made by `prepareJob`. */
export interface EmbeddedTable {
  readonly oid: string;
  /** Qualified and quoted. */
  readonly name: string;
  /** Quoted. */
  readonly schema: string;
  /** The relations that hold rows: the table itself, its partitions, or what inherits from it. */
  readonly leaves: readonly { readonly oid: string; readonly name: string }[];
  readonly keyColumns: readonly KeyColumn[];
  readonly srcColumn: string;
  readonly srcKind: SourceKind;
  /** A row whose filter is not true counts as one without a text. */
  readonly filterColumn: string | undefined;
  /** The column of the vectors: in `chunks`, where there is such a table. */
  readonly dstColumn: string;
  /** Turns what `wire` says into the column's type: a cast to a qualified type, or two. */
  readonly dstCast: string;
  /** How vectors travel: in an array of this type, pgvector's own where that can be used, else a domain over `float4[]`. */
  readonly wire: VectorWire;
  readonly chunks: ChunkTable | undefined;
}
