import '@fontsource-variable/bricolage-grotesque/wght.css';
import '@fontsource-variable/jetbrains-mono/wght.css';
import './ui/styles/style.css';
import { render } from 'preact';
import { App } from './ui/app.js';
import { firstRun, trainer } from './ui/session.js';
import { stayAwake } from './ui/stay-awake.js';

render(<App />, document.getElementById('app')!);
void firstRun();
stayAwake();
// For the console: `await maehem.trainer().probe()`.
Object.assign(globalThis, { maehem: { trainer } });
if (import.meta.env.PROD && 'serviceWorker' in navigator)
  void navigator.serviceWorker.register(new URL('sw.js', document.baseURI)).catch(() => {
    // Without it the page works all the same, with a network.
  });
