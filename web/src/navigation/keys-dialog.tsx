import { Dialog } from '../parts/dialog.tsx';
import { PAGES } from './shortcuts.ts';

const KEYS: readonly (readonly [keys: readonly string[], meaning: string])[] = [
  [['/'], 'Search'],
  [['j'], 'Next row'],
  [['k'], 'Former row'],
  [['x'], 'Select the row'],
  [['Enter'], 'Open the row'],
  [['['], 'Former page'],
  [[']'], 'Next page'],
  [['f'], 'Filter'],
  [['a'], 'All that match'],
  [['r'], 'Retry'],
  [['c'], 'Cancel'],
  [['d'], 'Delete'],
  [['?'], 'This list'],
  [['Esc'], 'Close, or leave a field'],
];

function Keys({ keys }: { readonly keys: readonly string[] }) {
  return (
    <span class="keys">
      {keys.map((key) => (
        <kbd key={key}>{key}</kbd>
      ))}
    </span>
  );
}

/** Lists what the keyboard does. */
export function KeysDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keyboard" onClose={onClose}>
      <div class="key-lists">
        <dl class="key-list">
          {PAGES.map(({ letter, name }) => (
            <div key={letter}>
              <dt>
                <Keys keys={['g', letter]} />
              </dt>
              <dd>{name}</dd>
            </div>
          ))}
        </dl>
        <dl class="key-list">
          {KEYS.map(([keys, meaning]) => (
            <div key={meaning}>
              <dt>
                <Keys keys={keys} />
              </dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </div>
    </Dialog>
  );
}
