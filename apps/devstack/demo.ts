import { loadInstalled } from '../installed.js';

await loadInstalled(async () => import('./demo-program.js'));
