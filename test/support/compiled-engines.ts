import type { Plugin } from 'vitest/config';

const OWN_PLACE =
  /new URL\(import\.meta\.url\.endsWith\('\.ts'\) \? '\.\/serve-(\w+)\.ts' : '[^']+', import\.meta\.url\)/;

/**
 * Has models start the engines that `compileProgram` wrote. Under the loader for TypeScript each takes 0.3 s more of the processor to start,
 * of 0.4 s in all.
 */
export function compiledEngines(): Plugin {
  return {
    name: 'compiled-engines',
    enforce: 'pre',
    transform(code, id) {
      const [, runtime] = /\/src\/models\/\w+\/load-(\w+)-model\.ts$/.exec(id) ?? [];
      if (runtime === undefined || !OWN_PLACE.test(code)) return undefined;
      const place = `'../../../.test-dist/src/models/${runtime}/serve-${runtime}.js'`;
      return code.replace(OWN_PLACE, `new URL(${place}, import.meta.url)`);
    },
  };
}
