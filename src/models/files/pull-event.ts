/** What happens while a model is fetched, for people to see. */
export type PullEvent =
  /** Another process fetches the same model. */
  | { readonly kind: 'waiting'; readonly holder: string }
  /** Files that are there are compared with what they should be. */
  | { readonly kind: 'checking'; readonly file: string }
  | {
      readonly kind: 'progress';
      readonly file: string;
      /** Of all that this call fetches. */
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | { readonly kind: 'retrying'; readonly reason: string }
  /** With an update: the hub has another file now. */
  | { readonly kind: 'changed'; readonly file: string };
