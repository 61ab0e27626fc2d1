import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import type { LlamaModel, Token } from 'node-llama-cpp';
import { LamplighterError, messageOf } from '../../../core/errors.ts';
import { isFarBeyond } from '../count-tokens.ts';
import type { LlamaEngine } from '../llama-engine.ts';

/** What a chat template puts before and after the one message of a user, up to where the model begins to answer. */
interface ChatFrame {
  readonly before: string;
  readonly after: string;
}

/** Stands for the message; templates look at messages for tags, and there are none in it. */
const MESSAGE = 'aa8f52c3message7d41e0b9';

/** Templates that ask for the date get this one: equal requests must give equal answers tomorrow, too. */
const FIXED_DATE: Readonly<Record<string, string>> = {
  '%Y': '2025',
  '%y': '25',
  '%m': '01',
  '%d': '01',
  '%B': 'January',
  '%b': 'Jan',
  '%A': 'Wednesday',
  '%a': 'Wed',
  '%H': '00',
  '%M': '00',
  '%S': '00',
};

/** The tokens that templates name. */
interface TemplateTokens {
  readonly bos: string | undefined;
  readonly eos: string | undefined;
}

/**
 * Renders a template once, with thinking turned off: by `enable_thinking`, or, where the template opens a thought for the
 * model, by closing it at once. Templates in channels begin in the final one.
 *
 * @throws Error when the template cannot be rendered, or does not say the message exactly once.
 */
export function renderChatFrame(template: string, { bos = '', eos = '' }: TemplateTokens): ChatFrame {
  const items = {
    messages: [{ role: 'user', content: MESSAGE }],
    add_generation_prompt: true,
    enable_thinking: false,
    thinking: false,
    reasoning_effort: 'low',
    bos_token: bos,
    eos_token: eos,
  };
  const [before, after, ...more] = renderOnFixedDate(template, items).split(MESSAGE);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error('its chat template does not say the message exactly once');
  }
  return { before, after: after + endOfThought(after) };
}

function endOfThought(after: string): string {
  if (/<think>\s*$/.test(after)) return `${after.endsWith('\n') ? '' : '\n'}\n</think>\n\n`;
  return /<\|start\|>assistant$/.test(after) ? '<|channel|>final<|message|>' : '';
}

/** Renders a template without a clock, as its authors foresaw; with one that stands still where a template insists. */
function renderOnFixedDate(template: string, items: Readonly<Record<string, unknown>>): string {
  try {
    return render(template, items);
  } catch (error) {
    if (!template.includes('strftime_now')) throw error;
    const strftime = (format: string) => format.replace(/%[a-zA-Z]/g, (part) => FIXED_DATE[part] ?? '');
    return render(template, { ...items, strftime_now: strftime });
  }
}

function render(template: string, items: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  const globals = {
    true: true,
    false: false,
    none: null,
    True: true,
    False: false,
    None: null,
    range: (start: number, stop?: number) => countUp(stop === undefined ? 0 : start, stop ?? start),
    raise_exception: (message: string) => {
      throw new Error(message);
    },
  };
  for (const [name, value] of Object.entries({ ...globals, ...items })) environment.set(name, value);
  const program = parse(tokenize(template, { lstrip_blocks: true, trim_blocks: true }));
  return String(new Interpreter(environment).run(program).value);
}

function countUp(start: number, stop: number): number[] {
  return Array.from({ length: Math.max(0, stop - start) }, (_, at) => start + at);
}

/** The tokens of a prompt, or how many there are, at least, when they are too many. */
type PromptTokens = { readonly tokens: Token[] } | { readonly tooMany: string };

/** Turns prompts into tokens: framed by the model's chat template when it has one, as they are otherwise. */
interface PromptMaker {
  readonly isChat: boolean;
  /** The first `limit` tokens of a prompt; what looks like a special token in it is plain text. */
  tokensOf(prompt: string, limit: number, signal: AbortSignal): Promise<PromptTokens>;
}

/**
 * @throws LamplighterError MODEL_FAILED for a template that cannot be rendered.
 */
export function createPromptMaker(
  { module: { LlamaText, SpecialTokensText } }: LlamaEngine,
  model: LlamaModel,
  chatTemplate: string | undefined,
): PromptMaker {
  const frame = chatTemplate === undefined ? undefined : frameOf(model, chatTemplate);
  const read = (prompt: string): Token[] => {
    const { before, after } = frame ?? { before: '', after: '' };
    if (frame === undefined) return model.tokenize(prompt);
    return LlamaText([new SpecialTokensText(before), prompt, new SpecialTokensText(after)]).tokenize(model.tokenizer);
  };
  return {
    isChat: frame !== undefined,
    async tokensOf(prompt, limit, signal) {
      if (await isFarBeyond(model, prompt, limit, signal)) return { tooMany: `more than ${2 * limit}` };
      const tokens = withBeginning(model, read(prompt));
      return tokens.length > limit ? { tooMany: String(tokens.length) } : { tokens };
    },
  };
}

/** Once at the beginning, where the model wants it, also when the template has written it already. */
function withBeginning({ tokens: { bos, shouldPrependBosToken } }: LlamaModel, tokens: Token[]): Token[] {
  const isMissing = bos !== null && (shouldPrependBosToken || tokens.length === 0) && tokens[0] !== bos;
  return isMissing ? [bos, ...tokens] : tokens;
}

function frameOf(model: LlamaModel, template: string): ChatFrame {
  const { bosString, eosString } = model.tokens;
  try {
    return renderChatFrame(template, { bos: bosString ?? undefined, eos: eosString ?? undefined });
  } catch (cause) {
    const message = `The chat template of ${model.filename ?? 'the model'} cannot be used: ${messageOf(cause)}`;
    throw new LamplighterError('MODEL_FAILED', message, { cause, hint: 'Take a GGUF file with another template.' });
  }
}
