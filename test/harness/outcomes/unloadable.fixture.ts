/** A file that cannot be loaded, for `outcome-reporter.test.ts`. */
throw new Error('no such luck');
