import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';
import { canonicalJson } from './json-value.ts';
import type { GenerateOutput, Model, ModelRequest } from './port.ts';

/** To be raised when the layout of the hashed fields changes. */
const LAYOUT = 'lamplighter 1';

/**
 * The key of a request's answer: 32 bytes of SHA-256 over the function, the model's fingerprint and every parameter
 * that changes the answer.
 *
 * Each field is hashed with its length before it, and lists with their count, so that no two different requests are the
 * same bytes. Texts are hashed as UTF-16, which keeps halves of surrogate pairs apart, where UTF-8 would not.
 */
export function cacheKey(model: Pick<Model, 'fingerprint'>, request: ModelRequest): Buffer {
  const fields = [LAYOUT, request.function, model.fingerprint, ...fieldsOf(request)];
  const bytes = Buffer.allocUnsafe(fields.reduce((total, field) => total + 4 + field.length * 2, 0));
  let end = 0;
  for (const field of fields) {
    end = bytes.writeUInt32LE(field.length, end);
    end += bytes.write(field, end, 'utf16le');
  }
  return hash('sha256', bytes, 'buffer');
}

function fieldsOf(request: ModelRequest): string[] {
  switch (request.function) {
    case 'embed':
      return request.isQuery === true ? [request.item, 'query'] : [request.item];
    case 'rerank': {
      const { query, documents, task, seed } = request.item;
      return [query, task, String(seed), String(documents.length), ...documents];
    }
    case 'generate':
    case 'generate_json':
    case 'generate_regex':
    case 'generate_choice': {
      const { prompt, maxTokens, seed, output } = request.item;
      return [prompt, String(maxTokens), String(seed), output.kind, ...outputFields(output)];
    }
  }
}

function outputFields(output: GenerateOutput): readonly string[] {
  switch (output.kind) {
    case 'plain':
      return [];
    case 'json':
      return [canonicalJson(output.schema)];
    case 'regex':
      return [output.pattern];
    case 'choice':
      return output.choices;
  }
}
