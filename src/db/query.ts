/** The part of a pool, session or transaction that operations need. */
export interface Queryable {
  /** Runs one statement; several separated by semicolons are allowed without `params`, and then the last one's rows come back. */
  query<Row extends object>(text: string, params?: readonly unknown[]): Promise<{ readonly rows: Row[] }>;
}
