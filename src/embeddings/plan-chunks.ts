import { digestOf } from './table/chunk-sql.ts';

/** A chunk that a document is to have. */
export interface PlannedChunk {
  readonly text: string;
  /** The digest of its text. */
  readonly digest: string;
  /** The number under which the document has this text and its vector already; undefined where a vector has to be made. */
  readonly from: number | undefined;
}

/**
 * Which chunks of a document have their vectors already; each is looked at when it is asked for.
 *
 * @param known the document's chunks that have vectors, each as its number, a colon and the digest of its text.
 */
export function* planChunks(texts: readonly string[], known: readonly string[] = []): Generator<PlannedChunk> {
  const byNumber = new Map<number, string>();
  const byDigest = new Map<string, number>();
  for (const entry of known) {
    const [no = '', digest = ''] = entry.split(':');
    byNumber.set(Number(no), digest);
    if (!byDigest.has(digest)) byDigest.set(digest, Number(no));
  }
  for (const [no, text] of texts.entries()) {
    const digest = digestOf(text);
    yield { text, digest, from: byNumber.get(no) === digest ? no : byDigest.get(digest) };
  }
}
