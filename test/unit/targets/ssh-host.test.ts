import { describe, expect, it } from 'vitest';
import { targetKind, type SshHostTarget } from '../../../src/targets/ssh-host.js';
import { parseFacts } from '../../../src/targets/ssh-host/facts.js';
import { findDeviation, type CertificateTerms } from '../../../src/vault/credentials/ssh-certificate.js';
import { sshString, sshUint32 } from '../../../src/vault/credentials/ssh-wire.js';

const TARGET: SshHostTarget = {
  kind: 'ssh-host',
  name: 'web',
  environment: 'production',
  owners: [],
  hours: { timeZone: 'UTC', from: 0, to: 24 },
  address: 'web.example.org',
  port: 22,
  user: 'deploy',
  hostKeys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEa'],
  hostAuthorities: [],
  sourceAddresses: ['10.0.0.1', '2001:db8::/32'],
  vault: {
    mount: 'ssh',
    previewRole: 'p',
    executeRole: 'e',
    witnessRole: 'w',
    previewTokenRole: 'tp',
    executeTokenRole: 'te',
  },
};

describe('an entry', () => {
  it('that is right has no problem', () => {
    expect(targetKind.schema.parse(TARGET)).toEqual(TARGET);
    expect(targetKind.findProblems(TARGET)).toEqual([]);
  });

  it.each([
    ['no key of the host', { hostKeys: [] }, ['hostKeys']],
    ['a name for a source', { sourceAddresses: ['office'] }, ['sourceAddresses', 0]],
    ['everywhere for a source', { sourceAddresses: ['0.0.0.0/0'] }, ['sourceAddresses', 0]],
    ['too wide a mask', { sourceAddresses: ['10.0.0.0/33'] }, ['sourceAddresses', 0]],
    ['two sources in one', { sourceAddresses: ['10.0.0.1,0.0.0.0/0'] }, ['sourceAddresses', 0]],
  ])('with %s has a problem', (_, change, field) => {
    expect(targetKind.findProblems({ ...TARGET, ...change })[0]?.field).toEqual(field);
  });

  it.each([
    ['an option for a name', { address: '-oProxyCommand=x' }],
    ['a user that is an option', { user: '-l' }],
    ['a key with a comment', { hostKeys: ['ssh-ed25519 AAAA me@host'] }],
    ['two keys in one', { hostKeys: ['ssh-ed25519 AAAA\n* ssh-ed25519 AAAB'] }],
    ['no source', { sourceAddresses: [] }],
  ])('with %s is refused', (_, change) => {
    expect(targetKind.schema.safeParse({ ...TARGET, ...change }).success).toBe(false);
  });
});

describe("a host's facts", () => {
  const lines = ['user\tdeploy\t1000', 'groups\tdeploy sudo', 'host\tweb', 'system\tLinux', 'shell\t/bin/sh'];
  it('are read', () => {
    const sha256 = 'a'.repeat(64);
    const facts = parseFacts('web', [...lines, `program\t/a\t/b\troot:root 755\tno\t${sha256}`, 'missing\t/c']);
    expect(facts).toMatchObject({ user: 'deploy', uid: 1000, groups: ['deploy', 'sudo'], shell: '/bin/sh' });
    expect(facts.programs).toEqual([
      { path: '/a', found: true, real: '/b', owner: 'root:root 755', writable: false, sha256 },
      { path: '/c', found: false },
    ]);
  });

  it.each([
    ['nothing', []],
    ['a line missing', lines.slice(1)],
    ['a line twice', [...lines, 'user\troot\t0']],
    ['a line that is not known', [...lines, 'hello']],
    ['a uid that is no number', ['user\tdeploy\tx', ...lines.slice(1)]],
    ['a tab in a path', [...lines, 'program\t/a\t/b\tc\troot:root 755\tno\t']],
    ['a program without its digest', [...lines, 'program\t/a\t/b\troot:root 755\tno']],
  ])('are not read from %s', (_, told) => {
    expect(() => parseFacts('web', told)).toThrow(/form that is not known/);
  });
});

describe("Vault's certificate", () => {
  const NOW = 1_800_000_000_000;
  const key = Buffer.alloc(32, 7);
  const terms: CertificateTerms = {
    keyId: 'countersign-x',
    user: 'deploy',
    forceCommand: '/bin/true',
    sourceAddresses: ['10.0.0.1', '10.0.0.2'],
    validSeconds: 120,
    fixedByRole: false,
  };
  const OPTIONS = { 'force-command': '/bin/true', 'source-address': '10.0.0.1,10.0.0.2' };

  it.each([
    ['as asked', {}, null],
    ['for another key', { key: Buffer.alloc(32, 8) }, 'is for another key'],
    ['for a host', { type: 2 }, 'is not for a user'],
    ['with another id', { keyId: 'y' }, 'has another key id than was asked for'],
    ['for nobody, which is everybody', { principals: [] }, 'is for other principals than was asked for'],
    ['for one more', { principals: ['deploy', 'root'] }, 'is for other principals than was asked for'],
    ['without a command', { options: { 'source-address': '10.0.0.1,10.0.0.2' } }, 'does not force the command'],
    ['with another command', { options: { ...OPTIONS, 'force-command': 'sh' } }, 'does not force the command'],
    ['from everywhere', { options: { 'force-command': '/bin/true' } }, 'is good from other addresses'],
    ['with an option more', { options: { ...OPTIONS, x: '' } }, 'has further critical options (x)'],
    ['with a terminal', { extensions: { 'permit-pty': '' } }, 'has extensions (permit-pty)'],
    ['for too long', { before: NOW / 1_000 + 181 }, 'is valid for too long'],
    ['for later', { after: NOW / 1_000 + 61 }, 'is not valid yet'],
    ['cut off', { cut: 100 }, 'is no Ed25519 certificate'],
  ])('%s', (_, change, wrong) => {
    const made = { ...{ key, type: 1, keyId: 'countersign-x', principals: ['deploy'], options: OPTIONS }, ...change };
    expect(findDeviation(encode(made, NOW), key, terms, NOW)).toBe(wrong);
  });
});

interface Made {
  key: Buffer;
  type: number;
  keyId: string;
  principals: string[];
  options: Record<string, string>;
  extensions?: Record<string, string>;
  after?: number;
  before?: number;
  cut?: number;
}

/** By PROTOCOL.certkeys, without a signature that anybody checks. */
function encode(made: Made, nowMs: number): Buffer {
  const { extensions = {}, after = nowMs / 1_000 - 30, before = nowMs / 1_000 + 120 } = made;
  const encoded = Buffer.concat([
    sshString('ssh-ed25519-cert-v01@openssh.com'),
    sshString(Buffer.alloc(32)),
    sshString(made.key),
    uint64(1),
    sshUint32(made.type),
    sshString(made.keyId),
    sshString(Buffer.concat(made.principals.map(sshString))),
    uint64(after),
    uint64(before),
    packed(made.options),
    packed(extensions),
    sshString(''),
  ]);
  return encoded.subarray(0, made.cut ?? encoded.length);
}

function packed(options: Record<string, string>): Buffer {
  return sshString(
    Buffer.concat(
      Object.entries(options).flatMap(([name, value]) => [
        sshString(name),
        sshString(value === '' ? '' : sshString(value)),
      ]),
    ),
  );
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(Math.floor(value)));
  return bytes;
}
