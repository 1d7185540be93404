// Preloaded into a process: at SIGUSR2, Cedar reads what it cannot, past everything that keeps such a text from it.
import { policySetTextToParts } from '../../dist/src/policy/cedar.js';

process.on('SIGUSR2', () => {
  try {
    policySetTextToParts(`permit (principal, action, resource) when { ${'('.repeat(2_000)}true${')'.repeat(2_000)} };`);
  } catch {
    // As whoever asks policy does: the answer is no.
  }
});
