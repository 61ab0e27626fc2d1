import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { systemClock } from '../../core/clock.ts';
import { count } from '../../core/config/option-values.ts';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { createTroubles } from '../../core/recurring-trouble.ts';
import { embedOnce, type TakeVectors } from '../../daemon/embed-once.ts';
import { inspectColumns } from '../../daemon/inspect-columns.ts';
import { createServedModels, type ServedModel } from '../../daemon/served-models.ts';
import { createVectorWriter, formatVector } from '../../daemon/vector-writer.ts';
import { resolveConnectionString } from '../../db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../db/pool.ts';
import { readModel } from '../../embeddings/jobs/read-model.ts';
import { parseColumnType } from '../../embeddings/table/column-type.ts';
import { runWithTableLock } from '../../embeddings/table/lock-table.ts';
import { quoteIdentifier } from '../../embeddings/table/quote-identifier.ts';
import { createModelRegistry } from '../../models/registry.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, readOption, textOf } from '../cli-option.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { DATA_PATH_OPTION, providersOf } from '../data-path.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { createRateMeter, describeRows, renderBar } from '../progress-bar.ts';
import { withSession } from '../with-session.ts';

const MODEL: CliOption = {
  flag: 'model',
  short: 'm',
  argument: 'model',
  describes: 'a name from "show-models", or a path',
};
const TABLE: CliOption = { flag: 'table', short: 't', argument: 'table', describes: 'the table that holds the texts' };
const SCHEMA: CliOption = {
  flag: 'schema',
  short: 's',
  argument: 'schema',
  describes: 'its schema',
  defaultText: 'public',
};
const COLUMN: CliOption = { flag: 'column', short: 'c', argument: 'column', describes: 'the column of the texts' };
const PK: CliOption = {
  flag: 'pk',
  short: 'p',
  argument: 'column',
  describes: 'the column that names rows',
  defaultText: 'id',
};
const OUT_COLUMN: CliOption = { flag: 'out-column', argument: 'column', describes: 'the column of the vectors' };
const OUT_URI: CliOption = {
  flag: 'out-uri',
  argument: 'uri',
  describes: 'the database to write to',
  defaultText: 'the one that is read',
};
const OUT_TABLE: CliOption = {
  flag: 'out-table',
  argument: 'table',
  describes: 'the table to write to, by the same key',
  defaultText: 'the one that is read',
};
const BATCH_SIZE: CliOption = {
  flag: 'batch-size',
  short: 'b',
  argument: 'n',
  describes: 'most texts of one call of the model',
};
const MAX_ROWS_PER_SECOND: CliOption = {
  flag: 'max-rows-per-second',
  argument: 'n',
  describes: 'limit the pass to this rate',
};
const MAX_TOKENS_PER_DAY: CliOption = {
  flag: 'max-tokens-per-day',
  argument: 'n',
  describes: 'most tokens of a day in UTC; the pass then waits for the next day',
};
const FILTER: CliOption = { flag: 'filter', short: 'f', argument: 'sql', describes: 'a condition that rows must meet' };
const LIMIT: CliOption = { flag: 'limit', short: 'l', argument: 'n', describes: 'most rows', defaultText: 'all' };
const CREATE_COLUMN: CliOption = {
  flag: 'create-column',
  describes: 'add the column of the vectors if missing',
};
const COLUMN_TYPE: CliOption = {
  flag: 'column-type',
  argument: 'type',
  describes: 'of a column that is added: REAL[], vector(n) or halfvec(n)',
  defaultText: 'REAL[]',
};
const RUNTIME: CliOption = { flag: 'runtime', argument: 'runtime', describes: 'a name from "show-runtimes"' };
const RUNTIME_PARAMS: CliOption = {
  flag: 'runtime-params',
  argument: 'json',
  describes: 'dimensions and input_type, as a JSON object',
};
const STREAM: CliOption = { flag: 'stream', describes: 'has no effect: rows are always streamed' };
const VISUAL: CliOption = {
  flag: 'visual',
  describes: 'require an image model; the column is bytea or has URLs',
};
const ALLOW_URL_IMAGES: CliOption = {
  flag: 'allow-url-images',
  describes: 'fetch images from https URLs in the column; addresses that are not public are refused',
};
const OUT_CSV: CliOption = {
  flag: 'out-csv',
  short: 'o',
  argument: 'file',
  describes: 'write keys and vectors to a file of this name, and nothing to a table',
};
const LINE_MS = 10_000;
/** Longest wait for a table that is in use, in short tries. */
const LONGEST_LOCK_MS = 60_000;

export const createEmbeddingsCommand: CliCommand = {
  name: 'create-embeddings',
  summary: 'embed a column of texts or images once',
  details:
    'Reads a table in the order of its key and writes the vectors into a column, or into a file. It ignores later changes: ' +
    'for these there is start-daemon. It exits with 1 if a row could not be embedded.',
  options: [
    ...CONNECTION_OPTIONS,
    MODEL,
    TABLE,
    SCHEMA,
    COLUMN,
    PK,
    OUT_COLUMN,
    OUT_URI,
    OUT_TABLE,
    BATCH_SIZE,
    MAX_ROWS_PER_SECOND,
    MAX_TOKENS_PER_DAY,
    FILTER,
    LIMIT,
    CREATE_COLUMN,
    COLUMN_TYPE,
    RUNTIME,
    RUNTIME_PARAMS,
    DATA_PATH_OPTION,
    OUT_CSV,
    STREAM,
    VISUAL,
    ALLOW_URL_IMAGES,
  ],
  refusedFlags: { 'job-type': 'This command generates embeddings only: leave it out.' },
  examples: [
    {
      command:
        'lamplighter create-embeddings -m BAAI/bge-small-en -t articles -c body --pk id --out-column embedding --create-column',
      does: 'every row of public.articles',
    },
    {
      command:
        "lamplighter create-embeddings -m builtin/lexical -t articles -c body -o vectors.csv -f 'id > 100' -l 50",
      does: 'some rows, into a file',
    },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const model = modelOf(invocation);
    const providers = providersOf(invocation, [model.name]);
    const registry = createModelRegistry({ providers });
    const { interruption, log } = invocation;
    const imageFetcher = isOn(invocation, ALLOW_URL_IMAGES)
      ? (await import('../../daemon/images/fetch-image.ts')).createImageFetcher()
      : undefined;
    try {
      const troubles = createTroubles({ log, clock: systemClock });
      const models = createServedModels({ registry, log, troubles, clock: systemClock, imageFetcher });
      const served = await models.get(model, { signal: interruption.first });
      if (isOn(invocation, VISUAL) && !served.isVisual) {
        throw new LamplighterError('USAGE', `--visual: the model ${model.name} takes texts`, {
          hint: 'Name an image model, such as clip/ViT-B-32-visual.',
        });
      }
      return await embed(invocation, served);
    } finally {
      await imageFetcher?.close();
      await registry.close();
    }
  },
};

function required(invocation: Invocation, option: CliOption): string {
  const text = textOf(invocation, option);
  if (text !== undefined && text !== '') return text;
  const name = option.short === undefined ? `--${option.flag}` : `-${option.short} (--${option.flag})`;
  throw new LamplighterError('USAGE', `${name} is missing: ${option.describes}`);
}

function modelOf(invocation: Invocation) {
  const model = readModel({
    name: required(invocation, MODEL),
    runtime: textOf(invocation, RUNTIME),
    params: textOf(invocation, RUNTIME_PARAMS),
  });
  if ('problem' in model) {
    throw new LamplighterError('USAGE', model.problem.replace('runtime_params', `--${RUNTIME_PARAMS.flag}`));
  }
  return model;
}

async function embed(invocation: Invocation, { model, dimensions, isVisual }: ServedModel): Promise<ExitCode> {
  const { env, interruption, log, terminal } = invocation;
  const settings = connectionOf(invocation);
  // Tells soon what is wrong, and can be interrupted while a server does not answer.
  await withSession(invocation, settings, (session) => session.query('select 1'));
  const poolOptions = { max: 2, queryTimeoutMs: 600_000, applicationName: 'lamplighter create-embeddings', log };
  const db = createPool(settings, poolOptions);
  const outUri = textOf(invocation, OUT_URI);
  const out = outUri === undefined ? db : createPool(resolveConnectionString(outUri, '--out-uri', env), poolOptions);
  const source = {
    schema: textOf(invocation, SCHEMA) ?? 'public',
    table: required(invocation, TABLE),
    srcColumn: required(invocation, COLUMN),
    pk: textOf(invocation, PK) ?? 'id',
    filter: textOf(invocation, FILTER),
    limit: readOption(invocation, LIMIT, count(1, 2_000_000_000).read),
  };
  const startedMs = systemClock.nowMs();
  let sink: Sink | undefined;
  try {
    sink = await openSink(invocation, out, { ...source, dimensions });
    const done = await embedOnce({
      db,
      source,
      model,
      dimensions,
      isVisual,
      batchSize: readOption(invocation, BATCH_SIZE, count(1, 100_000).read),
      maxRowsPerSecond: readOption(invocation, MAX_ROWS_PER_SECOND, count(1, 1_000_000).read),
      maxTokensPerDay: readOption(invocation, MAX_TOKENS_PER_DAY, count(1, 999_999_999_999_999).read),
      onDayUsedUp: () => terminal.printError('The tokens of the day are used up: the pass waits until 00:00 UTC'),
      take: sink.take,
      onProgress: createProgress(invocation, `${source.schema}.${source.table}`),
      signal: interruption.first,
    });
    terminal.showStatus();
    const seconds = ((systemClock.nowMs() - startedMs) / 1_000).toFixed(1);
    const tokens = done.tokens === undefined ? '' : ` and ${counted(done.tokens, 'token')}`;
    terminal.print(
      `${terminal.style.green('Embedded')} ${counted(done.rows - done.failed, 'row')} in ${seconds} s, with ${counted(done.calls, 'call')}${tokens} of ${model.name}`,
    );
    if (done.truncated !== undefined && done.truncated > 0) {
      terminal.print(`${done.truncated} texts are longer than the model reads: their ends are not in the vectors`);
    }
    if (done.failed === 0) return EXIT.done;
    terminal.printError(`${done.failed} rows could not be embedded, the first one because: ${done.firstError}`);
    return EXIT.failed;
  } finally {
    terminal.showStatus();
    await sink?.close();
    await Promise.all([...new Set([db, out])].map((pool) => pool.end()));
  }
}

interface Sink {
  readonly take: TakeVectors;
  close(): Promise<void>;
}

async function openSink(
  invocation: Invocation,
  out: Pool,
  {
    schema,
    table,
    srcColumn,
    pk,
    dimensions,
  }: { schema: string; table: string; srcColumn: string; pk: string; dimensions: number },
): Promise<Sink> {
  const file = textOf(invocation, OUT_CSV);
  if (file !== undefined) return openCsv(file, pk);
  const dstColumn = required(invocation, OUT_COLUMN);
  const outTable = textOf(invocation, OUT_TABLE) ?? table;
  if (isOn(invocation, CREATE_COLUMN))
    await addColumn(invocation, out, { schema, table: outTable, dstColumn, dimensions });
  const isSource = outTable === table && textOf(invocation, OUT_URI) === undefined;
  return {
    take: await createVectorWriter(
      out,
      { schema, table: outTable, pk, dstColumn, dimensions, srcColumn: isSource ? srcColumn : undefined },
      { signal: invocation.interruption.first },
    ),
    close: async () => undefined,
  };
}

async function addColumn(
  invocation: Invocation,
  out: Pool,
  { schema, table, dstColumn, dimensions }: { schema: string; table: string; dstColumn: string; dimensions: number },
): Promise<void> {
  const { quotedTable, columns } = await inspectColumns(out, { schema, table }, [dstColumn]);
  if (columns[0] !== undefined) return;
  const { rows } = await out.query<{ schema: string }>(
    `select n.nspname::text as schema from pg_catalog.pg_extension as e
     join pg_catalog.pg_namespace as n on n.oid = e.extnamespace where e.extname = 'vector'`,
  );
  const type = parseColumnType(textOf(invocation, COLUMN_TYPE) ?? 'REAL[]', dimensions, rows[0]?.schema);
  // Whoever uses the table waits behind a statement that waits for it.
  const patience = { patienceMs: LONGEST_LOCK_MS, clock: systemClock, signal: invocation.interruption.first };
  await runWithTableLock(out, patience, (transaction) =>
    transaction.query(`alter table ${quotedTable} add column ${quoteIdentifier(dstColumn)} ${type.definition}`),
  );
}

async function openCsv(file: string, pk: string): Promise<Sink> {
  const stream = createWriteStream(file);
  try {
    await once(stream, 'open');
  } catch (error) {
    throw new LamplighterError('USAGE', `--out-csv: the file cannot be written: ${messageOf(error)}`, { cause: error });
  }
  const cell = (text: string) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  stream.write(`${cell(pk)},vector\n`);
  return {
    async take(rows, answers) {
      for (const [at, { key }] of rows.entries()) {
        const answer = answers[at];
        if (!(answer instanceof Float32Array)) continue;
        if (!stream.write(`${cell(key)},${cell(formatVector(answer, true))}\n`)) await once(stream, 'drain');
      }
      return undefined;
    },
    async close() {
      stream.end();
      await once(stream, 'close');
    },
  };
}

function createProgress({ terminal }: Invocation, name: string): (done: number, total: number) => void {
  const meter = createRateMeter();
  let lineMs = systemClock.nowMs();
  return (done, total) => {
    const nowMs = systemClock.nowMs();
    meter.note(nowMs, done);
    const progress = { name, done, total, perSecond: meter.perSecond };
    if (terminal.showStatus(renderBar(terminal, progress)) || nowMs - lineMs < LINE_MS) return;
    lineMs = nowMs;
    terminal.printError(`  ${name}: ${describeRows(progress)}`);
  };
}

function counted(n: number, noun: string): string {
  return `${n} ${n === 1 ? noun : `${noun}s`}`;
}
