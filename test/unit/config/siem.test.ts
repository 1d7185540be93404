import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/common.js';
import { siemConfigSchema } from '../../../src/config/siem.js';

const parse = (text: string) => parseConfig(siemConfigSchema, { COUNTERSIGN_SIEM_SINKS: text }).COUNTERSIGN_SIEM_SINKS;

describe('the sinks of the settings', () => {
  it('may be YAML or JSON, and none', () => {
    expect(parseConfig(siemConfigSchema, {}).COUNTERSIGN_SIEM_SINKS).toEqual([]);
    expect(parse('- kind: stdout\n  name: logs\n')).toEqual([{ kind: 'stdout', name: 'logs' }]);
    expect(parse('[{"kind": "syslog", "name": "main", "host": "siem.example.com"}]')).toEqual([
      { kind: 'syslog', name: 'main', host: 'siem.example.com', port: 6_514, resendEvents: 2_000 },
    ]);
  });

  it.each([
    ['not a list', '{}', 'the list'],
    ['no YAML', '- [', 'the list'],
    ['another kind', '[{kind: kafka, name: a}]', '0.kind'],
    ['no name', '[{kind: stdout}]', '0.name'],
    ['a name in capitals', '[{kind: stdout, name: Main}]', '0.name'],
    ['a field that is none', '[{kind: stdout, name: a, token: b}]', '0'],
    ['two of one name', '[{kind: stdout, name: a}, {kind: ndjson-file, name: a, path: /var/a.ndjson}]', 'the list'],
    ['a relative path', '[{kind: ndjson-file, name: a, path: a.ndjson}]', '0.path'],
    ['a path that is no .ndjson', '[{kind: ndjson-file, name: a, path: /etc/passwd}]', '0.path'],
    ['a host with a path', '[{kind: syslog, name: a, host: "siem/evil"}]', '0.host'],
    ['a certificate without its key', '[{kind: syslog, name: a, host: b, certFile: /c.pem}]', '0.keyFile'],
    ['http to elsewhere', '[{kind: otlp, name: a, url: "http://siem.example.com/v1/logs"}]', '0.url'],
    ['a password in an address', '[{kind: otlp, name: a, url: "https://u:p@siem.example.com/v1/logs"}]', '0.url'],
    ['no token', '[{kind: splunk-hec, name: a, url: "https://splunk.example.com:8088"}]', '0.tokenFile'],
    [
      'an index that is none',
      '[{kind: splunk-hec, name: a, url: "https://s:8088", tokenFile: /t, index: "a b"}]',
      '0.index',
    ],
  ])('%s is refused, and the field named', (_what, text, field) => {
    expect(() => parse(text)).toThrow(`COUNTERSIGN_SIEM_SINKS: ${field}: `);
  });
});
