import type { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { EngineTask } from './engine-setup.ts';
import { readSignature } from './graph-signature.ts';

type Metadata = InferenceSession.ValueMetadata;
type Type = Extract<Metadata, { isTensor: true }>['type'];
const value = (name: string, shape: readonly (string | number)[], type: Type = 'float32'): Metadata => ({
  name,
  isTensor: true,
  type,
  shape,
});
const IDS = value('input_ids', ['batch', 'length'], 'int64');
const embed = (pooling?: 'mean' | 'none'): EngineTask => ({ kind: 'embed', pooling, prefix: '' });
const read = (outputs: readonly Metadata[], task: EngineTask, inputs: readonly Metadata[] = [IDS]) =>
  readSignature({ inputMetadata: inputs, outputMetadata: outputs }, task);

const TOKENS = value('last_hidden_state', ['batch', 'length', 384]);
const VECTOR = value('sentence_embedding', ['batch', 384]);

describe('readSignature', () => {
  it.each([
    [embed('mean'), [VECTOR, TOKENS], { kind: 'tokens', name: 'last_hidden_state', pooling: 'mean' }],
    [embed('mean'), [VECTOR], { kind: 'vector', name: 'sentence_embedding' }],
    [embed('none'), [TOKENS, VECTOR], { kind: 'vector', name: 'sentence_embedding' }],
    [embed(), [TOKENS, VECTOR], { kind: 'vector', name: 'sentence_embedding' }],
    [embed(), [TOKENS], { kind: 'tokens', name: 'last_hidden_state', pooling: 'mean' }],
    [embed('mean'), [value('output_0', ['n', 'm', 8])], { kind: 'tokens', name: 'output_0', pooling: 'mean' }],
    [{ kind: 'rerank' } as const, [value('logits', ['n', 1])], { kind: 'logit', name: 'logits' }],
  ])('for %j reads of %j', (task, outputs, output) => {
    expect(read(outputs, task).output).toEqual(output);
  });

  it.each([
    [embed('none'), [TOKENS], 'its graph gives none of sentence_embedding, text_embeds in float32'],
    [
      embed('mean'),
      [value('last_hidden_state', ['n', 'm', 8], 'float16')],
      'its graph gives none of last_hidden_state',
    ],
    [{ kind: 'rerank' } as const, [TOKENS], 'its graph has no output "logits"'],
    [{ kind: 'rerank' } as const, [value('logits', ['n', 3])], 'it gives 3 scores for a document instead of 1'],
  ])('for %j refuses %j', (task, outputs, message) => {
    expect(() => read(outputs, task)).toThrow(message);
  });

  it('reads what each input takes', () => {
    const inputs = [value('input_ids', [1, 128], 'int32'), value('attention_mask', [1, 128], 'int64')];
    expect(read([TOKENS], embed('mean'), inputs)).toMatchObject({
      inputs: [
        { name: 'input_ids', type: 'int32' },
        { name: 'attention_mask', type: 'int64' },
      ],
      fixedBatch: 1,
      fixedLength: 128,
    });
  });

  it.each([
    [[value('pixel_values', ['n', 3, 224, 224])], 'its graph wants an input "pixel_values", which no text has'],
    [[value('input_ids', ['n', 'm'])], 'its graph wants an input "input_ids" that is not a table of whole numbers'],
    [[value('attention_mask', ['n', 'm'], 'int64')], 'its graph has no input "input_ids"'],
  ])('refuses the inputs %j', (inputs, message) => {
    expect(() => read([TOKENS], embed('mean'), inputs)).toThrow(message);
  });
});
