import { messageOf } from '../../core/errors.ts';
import type { EngineCall } from '../engine/serve-engine.ts';
import { invalid, succeeded } from '../outcome.ts';
import type { TokenFinder } from './token-ends.ts';

/** Answers each text of a call with the ends of its tokens. */
export async function answerWords(texts: readonly string[], finder: TokenFinder, call: EngineCall): Promise<void> {
  for (const [position, text] of texts.entries()) {
    await call.working([position]);
    try {
      call.ended(position, succeeded(await finder.find(text, () => call.breathe())));
    } catch (error) {
      call.signal.throwIfAborted();
      call.ended(position, invalid(`The text could not be split into tokens: ${messageOf(error)}`));
    }
  }
}
