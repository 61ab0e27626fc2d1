import { render } from 'preact';
import './style/base.css';
import './style/shell.css';
import './style/controls.css';
import './style/parts.css';
import './style/situations.css';
import './style/table.css';
import './style/overview.css';
import './style/details.css';
import './style/dialog.css';
import { App } from './app.tsx';
import { startLive } from './server/live.ts';

const root = document.getElementById('root');
if (root !== null) {
  render(<App />, root);
  startLive();
}
