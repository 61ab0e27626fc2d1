import fc from 'fast-check';
import { jsonText, refusedJsonText } from './hostile-json.ts';
import { storableText } from './hostile-text.ts';

/** One argument as it stands in the statement; `?` is where its parameter goes. */
export interface SqlArgument {
  readonly sql: string;
  readonly parameter?: unknown;
  /** What the row must hold if the call is accepted; absent where the server converts. */
  readonly expected?: unknown;
}

export interface SqlCall {
  readonly name: string;
  readonly isNamed: boolean;
  readonly args: readonly (SqlArgument & { readonly name: string })[];
}

type ArgumentType = 'text' | 'text[]' | 'jsonb' | 'integer' | 'boolean' | 'uuid' | 'uuid[]' | 'interval';

/** Every function of the schema `public`, and the one for the owner. */
const FUNCTIONS: Readonly<Record<string, Readonly<Record<string, ArgumentType>>>> = {
  'public.steadytext_generate_async': generate({ prompt: 'text' }),
  'public.steadytext_embed_async': { text_input: 'text', use_cache: 'boolean', priority: 'integer', model: 'text' },
  'public.steadytext_generate_json_async': generate({ prompt: 'text', schema: 'jsonb' }),
  'public.steadytext_generate_regex_async': generate({ prompt: 'text', pattern: 'text' }),
  'public.steadytext_generate_choice_async': generate({ prompt: 'text', choices: 'text[]' }),
  'public.steadytext_generate_batch_async': generate({ prompts: 'text[]' }),
  'public.steadytext_embed_batch_async': { texts: 'text[]', use_cache: 'boolean', priority: 'integer', model: 'text' },
  'public.steadytext_rerank_async': {
    query: 'text',
    documents: 'text[]',
    task: 'text',
    use_cache: 'boolean',
    seed: 'integer',
    priority: 'integer',
    model: 'text',
  },
  'public.steadytext_check_async': { request_id: 'uuid' },
  'public.steadytext_check_async_batch': { request_ids: 'uuid[]' },
  'public.steadytext_get_async_result': { request_id: 'uuid', timeout_seconds: 'integer' },
  'public.steadytext_embedding': { request_id: 'uuid' },
  'public.steadytext_cancel_async': { request_id: 'uuid' },
  'public.steadytext_retry': { request_id: 'uuid' },
  'public.steadytext_prune': { older_than: 'interval' },
  'public.steadytext_queue_stats': {},
  'public.steadytext_worker_status': {},
  'public.steadytext_pause': { function_name: 'text' },
  'public.steadytext_resume': { function_name: 'text' },
  'lamplighter.set': { name: 'text', value: 'text' },
};

function generate(given: Readonly<Record<string, ArgumentType>>): Readonly<Record<string, ArgumentType>> {
  const common = {
    max_tokens: 'integer',
    use_cache: 'boolean',
    seed: 'integer',
    priority: 'integer',
    model: 'text',
  } as const;
  return { ...given, ...common };
}

/** Of whatever type, for whatever argument. */
const MISFITS = [
  'null',
  "'x'",
  '1.5::numeric',
  "'NaN'::float8",
  "'-Infinity'::float8",
  "'infinity'::timestamptz",
  '9223372036854775807::bigint',
  '32767::smallint',
  "'\\x00ff'::bytea",
  'row(1, null)',
  'now()',
  'array[1, 2]',
  "array[array['a', 'b'], array['c', 'd']]",
  "'[0:1]={a,b}'::text[]",
  "array[array['a'], array[null]]::text[]",
  "'{}'::json",
  "'null'::jsonb",
  "'abc'::name",
  "'a'::char(5)",
  '\'B\'::"char"',
  'int4range(1, 5)',
  "'12:00'::time",
  "'$1'::money",
  '(select null::text)',
  '\'POINT\'::text collate "C"',
  '1 / 0',
  'current_user',
  '\'{"a"}\'::text[]',
  '()',
];

const texts = fc.oneof(
  { weight: 8, arbitrary: fc.array(storableText, { maxLength: 5 }) },
  { weight: 2, arbitrary: fc.uniqueArray(storableText, { minLength: 2, maxLength: 6 }) },
  { weight: 1, arbitrary: fc.constantFrom(2, 5_000).map((length) => Array.from({ length }, (_, at) => `text ${at}`)) },
);

function integers(...usual: readonly number[]): fc.Arbitrary<SqlArgument> {
  const bounds = fc.constantFrom(0, 1, -1, 42, 4_096, 4_097, 2_147_483_647, -2_147_483_648);
  const value = usual.length === 0 ? bounds : fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...usual) }, bounds);
  return value.map((parameter) => ({ sql: '?::integer', parameter, expected: parameter }));
}

/** Arguments of the right type, mostly; `ids` are requests in every state. */
function argument(name: string, type: ArgumentType, ids: readonly string[]): fc.Arbitrary<SqlArgument> {
  const id = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...ids) }, fc.uuid());
  const typed = (sql: string, value: fc.Arbitrary<unknown>) =>
    value.map((parameter): SqlArgument => ({ sql, parameter, expected: parameter }));
  const right: Readonly<Record<ArgumentType, fc.Arbitrary<SqlArgument>>> = {
    text: typed('?::text', storableText),
    'text[]': typed('?::text[]', texts),
    jsonb: fc.oneof(
      { weight: 6, arbitrary: jsonText.map((parameter) => ({ sql: '?::jsonb', parameter })) },
      {
        weight: 4,
        arbitrary: jsonText.map((value) => ({ sql: '?::jsonb', parameter: `{"properties":{"a":${value}}}` })),
      },
      { weight: 1, arbitrary: refusedJsonText.map((parameter) => ({ sql: '?::jsonb', parameter })) },
    ),
    integer: name === 'max_tokens' ? integers(1, 512, 4_096) : name === 'seed' ? integers(0, 42) : integers(),
    boolean: typed('?::boolean', fc.boolean()),
    uuid: typed('?::uuid', id),
    'uuid[]': fc
      .oneof(
        { weight: 4, arbitrary: fc.array(fc.oneof(id, fc.constant(null)), { maxLength: 6 }) },
        { weight: 1, arbitrary: id.map((one) => Array.from({ length: 3_000 }, () => one)) },
      )
      .map((parameter) => ({ sql: '?::uuid[]', parameter })),
    interval: fc
      .constantFrom(
        '0',
        '1 day',
        '-1 day',
        'infinity',
        '-infinity',
        '178000000 years',
        '-178000000 years',
        '1 us',
        'P1Y',
      )
      .map((parameter) => ({ sql: '?::interval', parameter })),
  };
  const misfit = fc.constantFrom(...MISFITS).map((sql): SqlArgument => ({ sql }));
  const missing = fc.constant<SqlArgument>({ sql: `null::${type}`, expected: null });
  const wrong: fc.Arbitrary<SqlArgument> = fc.oneof(misfit, misfit, typed('?::text', storableText));
  return fc.oneof(
    { weight: 20, arbitrary: right[type] },
    { weight: 1, arbitrary: missing },
    { weight: 1, arbitrary: wrong },
  );
}

/** A call of any function: named, or positional as far as arguments were drawn without a gap. */
export function sqlCall(ids: readonly string[]): fc.Arbitrary<SqlCall> {
  return fc.constantFrom(...Object.entries(FUNCTIONS)).chain(([name, types]) => {
    const required = ['max_tokens', 'use_cache', 'seed', 'priority', 'model', 'task', 'timeout_seconds'];
    const args = Object.entries(types).map(([argumentName, type]) =>
      fc.record({
        name: fc.constant(argumentName),
        isGiven: required.includes(argumentName)
          ? fc.boolean()
          : fc.constantFrom(true, true, true, true, true, true, false),
        value: argument(argumentName, type, ids),
      }),
    );
    return fc.record({ isNamed: fc.boolean(), args: fc.tuple(...args) }).map(({ isNamed, args: drawn }) => {
      const gap = drawn.findIndex(({ isGiven }) => !isGiven);
      const given = isNamed ? drawn.filter(({ isGiven }) => isGiven) : drawn.slice(0, gap < 0 ? undefined : gap);
      return { name, isNamed, args: given.map(({ name: argumentName, value }) => ({ name: argumentName, ...value })) };
    });
  });
}

/** The call as a statement with its parameters. */
export function statementOf({ name, isNamed, args }: SqlCall): { text: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const given = args.map(({ name: argumentName, sql, ...rest }) => {
    const placed = sql.replace('?', () => {
      parameters.push(rest.parameter);
      return `$${parameters.length}`;
    });
    return isNamed ? `${argumentName} => ${placed}` : placed;
  });
  return { text: `select to_jsonb(r) as answer from ${name}(${given.join(', ')}) as r`, parameters };
}
