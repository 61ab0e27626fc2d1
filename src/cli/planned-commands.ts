import type { Command } from 'commander';
import { LamplighterError } from '../core/errors.ts';
import { VERSION } from '../core/version.ts';

/** Commands of the product that this version does not have yet. */
const PLANNED: Readonly<Record<string, string>> = {
  'start-daemon': 'the embedding daemon',
  'create-embeddings': 'the embedding daemon',
  'create-jobs-table': 'the embedding daemon',
};

/** Makes the parser refuse by name what is yet to come, whatever flags are given; they are not in the list of commands. */
export function refusePlanned(program: Command): void {
  for (const [name, part] of Object.entries(PLANNED)) {
    program
      .command(name, { hidden: true })
      .allowUnknownOption()
      .allowExcessArguments()
      .helpOption(false)
      .action(() => {
        throw new LamplighterError('USAGE', `"${name}" is not in version ${VERSION} yet: ${part} comes later`, {
          hint: `"${program.name()} --help" lists what there is; see also the changelog.`,
        });
      });
  }
}
