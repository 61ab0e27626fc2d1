import { LamplighterError } from '../../core/errors.ts';
import { directOf } from '../../db/connection/connection-settings.ts';
import { describeConnection } from '../../db/connection/connection-text.ts';
import { listOwnObjects, type OwnObject, uninstall } from '../../db/migrate/uninstall.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { YES_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT } from '../exit.ts';
import { withSession } from '../with-session.ts';

export const uninstallCommand: CliCommand = {
  name: 'uninstall',
  summary: 'show what migrate has created, and remove it',
  details:
    'Shows what it would drop and asks. It drops what migrate made, requests and results included, in one transaction, and nothing ' +
    'of yours. If an object of yours depends on one of these, nothing is dropped.',
  options: [...CONNECTION_OPTIONS, YES_OPTION],
  examples: [
    { command: 'lamplighter uninstall', does: 'show, then ask' },
    { command: 'lamplighter uninstall --yes', does: 'in a script' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const settings = directOf(connectionOf(invocation));
    return withSession(invocation, settings, async (session) => {
      const objects = await listOwnObjects(session);
      const place = describeConnection(settings);
      if (objects.length === 0) {
        terminal.print(`Nothing of Lamplighter is installed in ${place}`);
        return EXIT.done;
      }
      printObjects(invocation, objects, place);
      if (!isOn(invocation, YES_OPTION)) {
        const answer = await confirm(invocation, objects.length);
        if (answer !== 'yes') return answer === 'no' ? EXIT.done : EXIT.interrupted;
      }
      await uninstall(session, objects);
      terminal.print(`${terminal.style.green('Removed')} ${objects.length} objects from ${place}`);
      return EXIT.done;
    });
  },
};

function printObjects({ terminal }: Invocation, objects: readonly OwnObject[], place: string): void {
  terminal.print(`To be removed from ${place}:`);
  const isInner = ({ kind, name }: OwnObject) => kind.endsWith('function') && name.startsWith('lamplighter.');
  for (const { kind, name, note } of objects.filter((object) => !isInner(object))) {
    terminal.print(`  ${kind} ${name}${note === undefined ? '' : terminal.style.yellow(` (${note})`)}`);
  }
  const inner = objects.filter(isInner).length;
  if (inner > 0) terminal.print(`  ${inner} functions of the schema lamplighter`);
}

/** Asks on a terminal; anything but yes leaves everything as it is. */
async function confirm({ terminal, interruption }: Invocation, count: number): Promise<'yes' | 'no' | 'interrupted'> {
  if (!terminal.isInteractive) {
    throw new LamplighterError('USAGE', 'Nothing was removed: there is no terminal to ask on', {
      hint: 'Add --yes to remove what is listed above.',
    });
  }
  const prompts = await import('@clack/prompts');
  const message = `Remove these ${count} objects?`;
  const answer = await prompts.confirm({ message, initialValue: false, signal: interruption.first });
  if (answer === true) return 'yes';
  terminal.print('Nothing was removed.');
  return prompts.isCancel(answer) ? 'interrupted' : 'no';
}
