import { describe, expect, it } from 'vitest';
import { renderChatFrame } from './chat-frame.ts';

const TOKENS = { bos: '<s>', eos: '</s>' };
const MESSAGES = "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}";

describe('renderChatFrame', () => {
  it('gives what stands around the message, up to the answer', () => {
    const template = `{{ bos_token }}${MESSAGES}{% if add_generation_prompt %}[assistant]{% endif %}`;
    expect(renderChatFrame(template, TOKENS)).toEqual({ before: '<s>[user]', after: '[assistant]' });
  });

  it('turns thinking off where the template has a switch for it', () => {
    const template = `${MESSAGES}{% if enable_thinking is defined and not enable_thinking %}<think></think>{% endif %}`;
    expect(renderChatFrame(template, TOKENS).after).toBe('<think></think>');
  });

  it('closes a thought that the template opens', () => {
    for (const opening of ["{{ '<think>\\n' }}", '<think>']) {
      const { after } = renderChatFrame(`${MESSAGES}[assistant]${opening}`, TOKENS);
      expect(after).toBe('[assistant]<think>\n\n</think>\n\n');
    }
  });

  it('begins in the final channel where a template has channels', () => {
    expect(renderChatFrame(`${MESSAGES}<|start|>assistant`, TOKENS).after).toBe(
      '<|start|>assistant<|channel|>final<|message|>',
    );
  });

  it('knows no date, so that the same request gets the same answer tomorrow', () => {
    const careful = `{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}undated{% endif %}${MESSAGES}`;
    expect(renderChatFrame(careful, TOKENS).before).toBe('undated[user]');
    const insisting = `{{ strftime_now('%d %b %Y') }}${MESSAGES}`;
    expect(renderChatFrame(insisting, TOKENS).before).toBe('01 Jan 2025[user]');
  });

  it.each([
    ['says the message twice', `${MESSAGES}${MESSAGES}`, /exactly once/],
    ['leaves the message out', 'Hello', /exactly once/],
    ['refuses', `${MESSAGES}{{ raise_exception('No system message') }}`, /No system message/],
    ['is no template', '{% if %}', /./],
  ])('fails for a template that %s', (_, template, reason) => {
    expect(() => renderChatFrame(template, TOKENS)).toThrow(reason);
  });
});
