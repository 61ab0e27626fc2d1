import type { InferenceSession } from 'onnxruntime-node';
import type { Pooling } from '../files/model-files.ts';
import type { EngineTask } from './engine-setup.ts';

/** What a graph can be fed with. */
export type InputName = 'input_ids' | 'attention_mask' | 'token_type_ids' | 'position_ids';

/** The kinds of pooling that are done here. */
export type TokenPooling = Exclude<Pooling, 'none'>;

/** How a graph is called. */
export interface GraphSignature {
  readonly inputs: readonly { readonly name: InputName; readonly type: 'int64' | 'int32' }[];
  /** Texts at once that the graph is made for; undefined for any number. */
  readonly fixedBatch: number | undefined;
  /** Tokens of each text that the graph is made for; undefined for any number. */
  readonly fixedLength: number | undefined;
  readonly output: GraphResult;
}

/** The output that is read. */
export type GraphResult =
  /** [texts, tokens, dimensions]. */
  | { readonly kind: 'tokens'; readonly name: string; readonly pooling: TokenPooling }
  /** [texts, dimensions]. */
  | { readonly kind: 'vector'; readonly name: string }
  /** [texts, 1]. */
  | { readonly kind: 'logit'; readonly name: string };

type Metadata = Pick<InferenceSession, 'inputMetadata' | 'outputMetadata'>;

const INPUTS: ReadonlySet<string> = new Set<InputName>([
  'input_ids',
  'attention_mask',
  'token_type_ids',
  'position_ids',
]);
/** Names under which exporters give the hidden states of all tokens, and the finished vector. */
const TOKEN_OUTPUTS = ['last_hidden_state', 'token_embeddings'];
const VECTOR_OUTPUTS = ['sentence_embedding', 'text_embeds'];

/**
 * Which inputs and which output of a graph serve the task.
 *
 * @throws Error that says, as the end of a sentence about the model, why it cannot serve it.
 */
export function readSignature({ inputMetadata, outputMetadata }: Metadata, task: EngineTask): GraphSignature {
  let fixedBatch: number | undefined;
  let fixedLength: number | undefined;
  const inputs = inputMetadata.map((input) => {
    const { name } = input;
    if (!isInputName(name)) throw new Error(`its graph wants an input "${name}", which no text has`);
    if (!input.isTensor || (input.type !== 'int64' && input.type !== 'int32') || input.shape.length !== 2) {
      throw new Error(`its graph wants an input "${name}" that is not a table of whole numbers`);
    }
    const [batch, length] = input.shape;
    if (typeof batch === 'number') fixedBatch = batch;
    if (typeof length === 'number') fixedLength = length;
    return { name, type: input.type };
  });
  if (!inputs.some(({ name }) => name === 'input_ids')) throw new Error('its graph has no input "input_ids"');
  return { inputs, fixedBatch, fixedLength, output: chooseOutput(outputMetadata, task) };
}

function chooseOutput(outputs: Metadata['outputMetadata'], task: EngineTask): GraphResult {
  const ofRank = (rank: number) =>
    outputs.filter((output) => output.isTensor && output.type === 'float32' && output.shape.length === rank);
  const find = (names: readonly string[], rank: number) => ofRank(rank).find(({ name }) => names.includes(name))?.name;
  if (task.kind === 'rerank') {
    const logits = outputs.find(({ name }) => name === 'logits');
    const last = logits?.isTensor === true ? logits.shape.at(-1) : undefined;
    if (logits === undefined) throw new Error('its graph has no output "logits", as a cross-encoder has');
    if (typeof last === 'number' && last !== 1) throw new Error(`it gives ${last} scores for a document instead of 1`);
    return { name: logits.name, kind: 'logit' };
  }
  const vector = find(VECTOR_OUTPUTS, 2);
  // Pooling here reads no padding; what the graph pools may move with it.
  const tokens = find(TOKEN_OUTPUTS, 3) ?? soleName(ofRank(3));
  const wantsVector = task.pooling === 'none' || (task.pooling === undefined && vector !== undefined);
  if (!wantsVector && tokens !== undefined) return { kind: 'tokens', name: tokens, pooling: poolingOf(task) };
  if (vector !== undefined) return { kind: 'vector', name: vector };
  const wanted = [...(wantsVector ? [] : TOKEN_OUTPUTS), ...VECTOR_OUTPUTS].join(', ');
  throw new Error(`its graph gives none of ${wanted} in float32`);
}

function poolingOf({ pooling }: Extract<EngineTask, { kind: 'embed' }>): TokenPooling {
  return pooling === undefined || pooling === 'none' ? 'mean' : pooling;
}

function soleName(outputs: Metadata['outputMetadata']): string | undefined {
  return outputs.length === 1 ? outputs[0]?.name : undefined;
}

function isInputName(name: string): name is InputName {
  return INPUTS.has(name);
}
