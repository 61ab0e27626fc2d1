/** What happens while a model is fetched, for people to see. */
export type PullEvent =
  /** Another process fetches the same model. */
  | { readonly kind: 'waiting'; readonly holder: string }
  /** Files that are there are compared with what they should be. */
  | { readonly kind: 'checking'; readonly file: string }
  | {
      readonly kind: 'progress';
      readonly file: string;
      /** Bytes of all that this call fetches. */
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'retrying'; readonly reason: string }
  /** The hub has another file now, which an update finds. */
  | { readonly kind: 'changed'; readonly file: string };
