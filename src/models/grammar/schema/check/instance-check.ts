import type { AnySchemaObject, ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fullFormats } from 'ajv-formats/dist/formats.js';
import { parseJson } from '../../../json/json-text.ts';
import { jsonbProblem } from '../../../json/jsonb-problem.ts';
import { isNestedWithin, type JsonValue } from '../../../json-value.ts';
import { GrammarTooLarge } from '../../output-grammar.ts';
import type { DocumentPatterns } from '../../regex/document-patterns.ts';
import { isInLanguage } from '../../regex/language.ts';
import { OutOfSteps } from '../../regex/step-budget.ts';
import type { SchemaDocument } from '../read/read-schema.ts';
import type { SchemaSite } from '../read/schema-site.ts';
import { formatLanguage, OWN_FORMATS, STANDARD_FORMATS } from '../text/formats.ts';
import { LISTED, numberKeywords } from './own-keywords.ts';
import { createStandIns, type StandIns } from './stand-ins.ts';

/** Nesting beyond which neither the validator nor `jsonb` is sure to have the stack for it. */
const DEEPEST = 500;

/** Decides exactly what is valid under the schemas of one document. */
interface InstanceCheck {
  /** What is wrong with a text that should be JSON valid under the root schema. */
  problemOf(text: string): string | undefined;
  /** True when all of these schemas accept the value. */
  isValid(sites: readonly SchemaSite[], value: JsonValue): boolean;
}

/** A check that compiles its validators when they are first needed. Users' patterns never run in V8's own engine. */
export function createInstanceCheck({ root, definitions }: SchemaDocument, patterns: DocumentPatterns): InstanceCheck {
  const validators = new Map<string, ValidateFunction>();
  const standIns = createStandIns();
  let ajv: Ajv2020 | undefined;

  const validatorOf = (sites: readonly SchemaSite[]): ValidateFunction => {
    const key = sites.map(({ id }) => id).join();
    const known = validators.get(key);
    if (known !== undefined) return known;
    ajv ??= createAjv(standIns, patterns);
    const schema = { allOf: sites.map(({ checked }) => checked), $defs: definitions } as JsonValue; // checked schemas are JSON
    const validator = ajv.compile(standIns.replaceIn(schema) as AnySchemaObject); // an object as before
    validators.set(key, validator);
    return validator;
  };

  return {
    isValid(sites, value) {
      const validate = validatorOf(sites);
      return standIns.during(value, (replaced) => validate(replaced) === true);
    },
    problemOf(text) {
      let value: JsonValue;
      try {
        value = parseJson(text);
      } catch {
        return 'The model gave a text that is not JSON';
      }
      if (!isNestedWithin(value, DEEPEST)) return `The model gave JSON nested deeper than ${DEEPEST} levels`;
      const unstorable = jsonbProblem(value);
      if (unstorable !== undefined) return `The model gave JSON with ${unstorable} that jsonb cannot hold`;
      const repeated = repeatedName(text);
      if (repeated !== undefined) return `The model gave JSON with two properties named ${JSON.stringify(repeated)}`;
      const validate = validatorOf([root]);
      try {
        const isValid = patterns.duringAnswer(() => standIns.during(value, (replaced) => validate(replaced) === true));
        if (isValid) return undefined;
      } catch (error) {
        const isTooLong = error instanceof OutOfSteps || error instanceof GrammarTooLarge;
        if (isTooLong) return 'The model gave JSON with texts too long to be held against the patterns of the schema';
        throw error;
      }
      return `The model gave JSON that the schema does not allow: ${describe(validate.errors?.[0])}`;
    },
  };
}

/** The package's check, but that no space stands for the T. */
function isDateTime(text: string): boolean {
  const format = fullFormats['date-time'] as { validate(text: string): boolean }; // the types leave open which form it has
  return !/\s/.test(text) && format.validate(text);
}

function isOfFormat(name: string, text: string): boolean {
  const language = formatLanguage(name);
  return language !== undefined && isInLanguage(language, text);
}

function createAjv(standIns: StandIns, patterns: DocumentPatterns): Ajv2020 {
  const ajv = new Ajv2020({
    // the schema was read and verified before; what is left of it has no keyword that ajv does not know
    strict: false,
    validateSchema: false,
    meta: false,
    logger: false,
    addUsedSchema: false,
    ownProperties: true,
    unicodeRegExp: true,
    code: { regExp: Object.assign(testerFrom(patterns), { code: 'undefined' }) },
    formats: {
      ...Object.fromEntries(Object.entries(fullFormats).filter(([name]) => STANDARD_FORMATS.includes(name))),
      'date-time': isDateTime,
      ...Object.fromEntries(OWN_FORMATS.map((name) => [name, (text: string) => isOfFormat(name, text)])),
    },
  });
  for (const definition of [...numberKeywords(standIns), LISTED]) {
    ajv.removeKeyword(String(definition.keyword)).addKeyword(definition);
  }
  return ajv;
}

/** ajv takes two testers with one text for one and the same. */
function testerFrom(patterns: DocumentPatterns) {
  return (pattern: string) => {
    const tester = patterns.testerOf(pattern);
    return { test: (text: string) => tester.test(text), toString: () => pattern };
  };
}

function describe(error: ErrorObject | undefined): string {
  if (error === undefined) return 'it does not fit';
  const place = error.instancePath === '' ? 'the value' : error.instancePath;
  return `${place} ${error.message ?? `breaks "${error.keyword}"`}`;
}

/** The first name that an object in this JSON text has twice, which `JSON.parse` passes over. The text must be JSON. */
export function repeatedName(text: string): string | undefined {
  const tokens = /"(?:[^"\\]|\\.)*"|[{}[\]:]/gs;
  const open: (Set<string> | undefined)[] = [];
  let last = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === '{') open.push(new Set());
    else if (token === '[') open.push(undefined);
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1);
      const name = String(JSON.parse(last));
      if (names?.has(name) === true) return name;
      names?.add(name);
    } else last = token;
  }
  return undefined;
}
