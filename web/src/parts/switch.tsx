import { Link } from '../navigation/link.tsx';

interface SwitchProps {
  readonly label: string;
  readonly choices: readonly { readonly name: string; readonly to: string; readonly isCurrent: boolean }[];
}

/** One of a few; each is an address, so that it can be shared and gone back from. */
export function Switch({ label, choices }: SwitchProps) {
  return (
    <ul class="switch" aria-label={label}>
      {choices.map(({ name, to, isCurrent }) => (
        <li key={name}>
          <Link to={to} class="switch-choice" isCurrent={isCurrent}>
            {name}
          </Link>
        </li>
      ))}
    </ul>
  );
}
