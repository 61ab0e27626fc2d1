import { type DemoStep, demand } from './demo-step.ts';

const SCHEMA = `{
        "type": "object", "required": ["name", "age"],
        "additionalProperties": false, "properties": {
          "name": {"type": "string", "maxLength": 20},
          "age": {"type": "integer", "minimum": 1, "maximum": 99}}}`;

/** Shows generation with the worker's own model: free text, then text that cannot be anything but what was asked for. */
export function generateText(model: string): DemoStep {
  return async (narrator) => {
    narrator.step(
      'Generate',
      `Text from ${model}, then the same with its form laid down: one of the choices, a pattern, a JSON schema. A grammar keeps the ` +
        'model to the form while it writes, so that even a poor model gives well-formed answers, if not wise ones.',
    );
    const ask = async (queue: string) => {
      const [row] = await narrator.run<{ answer: string }>(`
    select steadytext_get_async_result(
      ${queue}, 120) as answer`);
      return row?.answer ?? '';
    };
    await ask(`steadytext_generate_async('Once upon a time', 32)`);
    const choice = await ask(`steadytext_generate_choice_async(
        'The weather was', array['fine', 'bad'])`);
    demand(['fine', 'bad'].includes(choice), 'one of the choices comes back');
    const code = await ask(`steadytext_generate_regex_async(
        'The number of the house is', '[A-F]{2}-[0-9]{3}', 32)`);
    demand(/^[A-F]{2}-[0-9]{3}$/.test(code), 'the pattern is matched');
    const person = await ask(`steadytext_generate_json_async('A person in the story:', '${SCHEMA}',
      128)`);
    demand(typeof JSON.parse(person).age === 'number', 'the answer follows the schema');
  };
}

/** Says what it takes to see generation here. */
export function skipGeneration({ reason, hint }: { readonly reason: string; readonly hint: string }): DemoStep {
  return async (narrator) => {
    narrator.step('Generate: skipped', `Text is generated where there is a model for it. Not here: ${reason}.`);
    narrator.tell(hint);
    narrator.tell('Or give a file: LAMPLIGHTER_DEMO_GGUF=/path/to/model.gguf lamplighter demo');
  };
}
