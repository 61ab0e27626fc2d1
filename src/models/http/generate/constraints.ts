import type { OutputGrammar } from '../../grammar/output-grammar.ts';
import { withOrderedProperties } from '../../grammar/schema/property-order.ts';
import { writeJson } from '../../json/json-text.ts';
import { stripThinking } from '../../strip-thinking.ts';
import type { ServerFacts } from '../server/server-facts.ts';
import type { StructuredOutput } from './chat-api.ts';
import { isStrictSubset } from './openai-subset.ts';

/** One way to make a server keep to what was asked for. */
export interface Constraint {
  readonly name: 'grammar' | 'structured_outputs' | 'guided' | 'json_schema' | 'json_object' | 'words';
  /** Fields of the request's body. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Words for the prompt, where the server does not enforce it or not all of it. */
  readonly words?: string;
  /** What was asked for, out of the text that comes. */
  read(text: string): string;
}

/**
 * The ways to try, strictest first: when a server refuses one, the next is taken. The last says in words what is wanted,
 * and every server takes that. What comes is checked in any case.
 */
export function constraintsFor(
  facts: ServerFacts | 'cohere',
  output: StructuredOutput,
  { gbnf }: OutputGrammar,
): readonly Constraint[] {
  const words: Constraint = { name: 'words', fields: {}, words: wordsFor(output), read: readFenced(output) };
  if (facts === 'cohere') return [cohereSchema(output), words];
  switch (facts.kind) {
    case 'llama-server':
    case 'llama-cpp-python':
      return [{ name: 'grammar', fields: { grammar: gbnf }, read: withoutThoughts }, words];
    case 'vllm':
      return [vllmFields(facts, output), words];
    case 'openai':
      return [...openAiSchema(output), words];
    case 'ollama':
    case 'tei':
    case 'other':
      return [jsonSchema(output, false), words];
  }
}

function vllmFields({ version }: ServerFacts, output: StructuredOutput): Constraint {
  const [key, value] = wishOf(output);
  return isOldVllm(version)
    ? { name: 'guided', fields: { [`guided_${key}`]: value }, read: withoutThoughts }
    : { name: 'structured_outputs', fields: { structured_outputs: { [key]: value } }, read: withoutThoughts };
}

/** `structured_outputs` took the place of the `guided_` fields, which 0.12 no longer knows. */
function isOldVllm(version: string | undefined): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version ?? '') ?? [];
  return major === '0' && Number(minor) < 12;
}

function wishOf(output: StructuredOutput): [key: 'json' | 'regex' | 'choice', value: unknown] {
  switch (output.kind) {
    case 'json':
      return ['json', withOrderedProperties(output.schema)];
    case 'regex':
      return ['regex', output.pattern];
    case 'choice':
      return ['choice', output.choices];
  }
}

function openAiSchema(output: StructuredOutput): Constraint[] {
  if (output.kind !== 'json' || isStrictSubset(output.schema)) return [jsonSchema(output, true)];
  const { schema } = output;
  // Its other mode wants an object too, and the word JSON in the prompt.
  if (typeof schema !== 'object' || schema['type'] !== 'object') return [];
  return [
    {
      name: 'json_object',
      fields: { response_format: { type: 'json_object' } },
      words: wordsFor(output),
      read: readFenced(output),
    },
  ];
}

function jsonSchema(output: StructuredOutput, isStrict: boolean): Constraint {
  const schema = output.kind === 'json' ? withOrderedProperties(output.schema) : wrappedSchema(output);
  const json_schema = { name: 'answer', schema, ...(isStrict && { strict: true }) };
  return {
    name: 'json_schema',
    fields: { response_format: { type: 'json_schema', json_schema } },
    // Servers that do not know the field ignore it without a word.
    ...(!isStrict && { words: wordsFor(output) }),
    read: output.kind === 'json' ? readFenced(output) : readWrapped(output),
  };
}

function cohereSchema(output: StructuredOutput): Constraint {
  const schema = output.kind === 'json' ? withOrderedProperties(output.schema) : wrappedSchema(output);
  return {
    name: 'json_schema',
    fields: { response_format: { type: 'json_object', json_schema: schema } },
    ...(output.kind === 'json' && { words: wordsFor(output) }),
    read: output.kind === 'json' ? readFenced(output) : readWrapped(output),
  };
}

/** Texts that are not JSON, as the one member of an object: servers enforce schemas for objects only. */
function wrappedSchema(output: Exclude<StructuredOutput, { kind: 'json' }>) {
  const answer =
    output.kind === 'choice'
      ? { type: 'string', enum: output.choices }
      : { type: 'string', pattern: `^(?:${output.pattern})$` };
  return { type: 'object', properties: { answer }, required: ['answer'], additionalProperties: false };
}

function wordsFor(output: StructuredOutput): string {
  switch (output.kind) {
    case 'json':
      return `Answer with JSON alone, no explanation. It must be valid under this JSON Schema:\n${writeJson(withOrderedProperties(output.schema))}`;
    case 'regex':
      return `Answer with one text alone, no explanation. This regular expression must match all of it:\n${output.pattern}`;
    case 'choice':
      return `Answer with exactly one of these texts alone, no explanation:\n${output.choices.join('\n')}`;
  }
}

/** Reads the wanted text out of what a server that was only asked in words wrote: without thoughts, fences, space and quotes around it. */
function readFenced(output: StructuredOutput): (text: string) => string {
  return (text) => {
    const bare = withoutThoughts(text);
    const inner = withoutFence(bare.trim());
    switch (output.kind) {
      case 'json':
        return inner;
      case 'regex':
        // Spaces may belong to a match; only the fence surely does not.
        return inner === bare.trim() ? bare : inner;
      case 'choice':
        return choiceIn(bare, inner, output.choices);
    }
  };
}

/** Reads the member `answer` out of the object that was asked for; another text, where a server ignored that, as {@link readFenced} does. */
function readWrapped(output: StructuredOutput): (text: string) => string {
  const readOther = readFenced(output);
  return (text) => {
    try {
      const parsed: unknown = JSON.parse(withoutFence(withoutThoughts(text).trim()));
      if (typeof parsed === 'object' && parsed !== null && 'answer' in parsed && typeof parsed.answer === 'string') {
        return parsed.answer;
      }
    } catch {
      // Not the object; it may still be the text.
    }
    return readOther(text);
  };
}

/** The text after what a reasoning model wrote to itself; all of it where that has no end. */
function withoutThoughts(text: string): string {
  return stripThinking(text) ?? text;
}

function withoutFence(text: string): string {
  const [, inner] = /^```[a-z]*\r?\n([\s\S]*?)\r?\n?```$/i.exec(text) ?? [];
  return inner ?? text;
}

function choiceIn(bare: string, inner: string, choices: readonly string[]): string {
  const candidates = [bare, inner, inner.trim(), inner.trim().replace(/^(["'`])([\s\S]*)\1$/, '$2')];
  return candidates.find((candidate) => choices.includes(candidate)) ?? inner;
}
