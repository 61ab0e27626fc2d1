import { isSqlState } from '../db/sqlstate.ts';

/**
 * Calls `work` with texts that the server or others have written, and once more with question marks for all that is not ASCII where the
 * encoding of the database has not every character of them: an end or a reason is recorded in any case. `db` is in no transaction.
 */
export async function withStorableTexts<T>(
  texts: readonly (string | undefined)[],
  work: (texts: readonly (string | undefined)[]) => Promise<T>,
): Promise<T> {
  try {
    return await work(texts);
  } catch (error) {
    if (!isSqlState(error, 'untranslatableCharacter')) throw error;
    return await work(texts.map((text) => text?.replaceAll(/[^\p{ASCII}]/gu, '?')));
  }
}
