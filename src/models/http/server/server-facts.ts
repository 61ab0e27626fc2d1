/** The programs whose own ways are known; `other` gets what any OpenAI-compatible server should take. */
export const SERVER_KINDS = ['openai', 'vllm', 'llama-server', 'llama-cpp-python', 'ollama', 'tei', 'other'] as const;

export type ServerKind = (typeof SERVER_KINDS)[number];

/** What is known of a server. */
export interface ServerFacts {
  readonly kind: ServerKind;
  /** Its version as it says, such as `0.12.1`. */
  readonly version?: string;
  /** The models it says it has. */
  readonly models?: readonly string[];
  /** Most items of one request, where it says so. */
  readonly maxBatch?: number;
  /** The one thing it serves, where it is made for one thing. */
  readonly serves?: 'embed' | 'rerank';
}

/** What is assumed of a server that could not be asked. */
export const UNKNOWN_SERVER: ServerFacts = { kind: 'other' };

/** True for a server that says which models it has and refuses all others. */
export function isStrictAboutModels({ kind }: ServerFacts): boolean {
  return kind === 'openai' || kind === 'vllm' || kind === 'ollama';
}
