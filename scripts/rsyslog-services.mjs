// Fetches rsyslog, which receives syslog over TLS in the tests of the SIEM's sinks, into .services/rsyslog.
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasApt, unpackDebian } from './debian.mjs';
import { step } from './steps.mjs';

// The last ones are libraries that a small machine lacks; GnuTLS itself every machine with apt has.
const PACKAGES = ['rsyslog', 'rsyslog-gnutls', 'libestr0', 'libfastjson4', 'liblognorm5'];

/** Makes `<services>/rsyslog` with `usr/sbin/rsyslogd` and its modules; quick when it is there. */
export async function installRsyslog(services) {
  const version = createHash('sha256')
    .update([process.arch, ...PACKAGES].join(' '))
    .digest('hex')
    .slice(0, 16);
  const folder = join(services, 'rsyslog');
  if ((await readFile(join(folder, 'version'), 'utf8').catch(() => '')) === version) return;
  if (!hasApt()) {
    console.log('  rsyslog for the tests of the SIEM comes from Debian packages; this machine has no apt-get.');
    return;
  }
  await step('fetching rsyslog (about 1 MB)', async () => {
    const fresh = join(services, `rsyslog-new-${process.pid}`);
    try {
      await mkdir(fresh, { recursive: true });
      await unpackDebian(PACKAGES, fresh);
      await writeFile(join(fresh, 'version'), version);
      await rm(folder, { recursive: true, force: true });
      await rename(fresh, folder);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });
}
