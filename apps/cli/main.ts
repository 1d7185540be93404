#!/usr/bin/env node
import { loadInstalled } from '../installed.js';

// All else is loaded behind this line: a package that is missing is then told of, not thrown.
await loadInstalled(async () => import('./terminal-program.js'));
