// Fetches rsyslog, which receives syslog over TLS in the tests of the SIEM's sinks, into .services/rsyslog.
import { installDebian } from './debian.mjs';

// The last ones are libraries that a small machine lacks; GnuTLS itself every machine with apt has.
const PACKAGES = ['rsyslog', 'rsyslog-gnutls', 'libestr0', 'libfastjson4', 'liblognorm5'];

/** Makes `<services>/rsyslog` with `usr/sbin/rsyslogd` and its modules; quick when it is there. */
export function installRsyslog(services) {
  const what = { name: 'rsyslog', title: 'rsyslog', size: '1 MB', usedBy: 'the SIEM' };
  return installDebian(services, { ...what, packages: PACKAGES });
}
