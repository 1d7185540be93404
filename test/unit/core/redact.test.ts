import { describe, expect, it } from 'vitest';
import { redact, REDACTION_RULES } from '../../../src/core/redact.js';

const letters = (count: number): string => 'aB3dE6gH9jK2mN5pQ8sT'.repeat(Math.ceil(count / 20)).slice(0, count);
// Put together here, so that a scanner of this repository finds no key in it.
const dashes = '-'.repeat(5);
const pem = (kind: string, lines: string[], end = true): string =>
  [`${dashes}BEGIN ${kind}${dashes}`, ...lines, ...(end ? [`${dashes}END ${kind}${dashes}`] : [])].join('\n');
const keyLines = [letters(64), letters(64), `${letters(20)}=`];
const jwt = `eyJ${letters(20)}.eyJ${letters(60)}.${letters(43)}`;
const accessKeyId = ['AKIA', 'QWERTYUIOP234567'].join('');
const awsSecret = letters(40);

/** Name of the rule, what it is about, the text, and what is left of it. */
type Case = [rule: string, what: string, text: string, left: string];

const CASES: Case[] = [
  ['vault_token', 'a service token', `VAULT_TOKEN is hvs.${letters(90)}, good`, 'VAULT_TOKEN is [], good'],
  ['vault_token', 'a batch token', `hvb.${letters(120)}`, '[]'],
  ['vault_token', 'an older token at the end of a sentence', `It is s.${letters(24)}.`, 'It is [].'],
  ['vault_token', 'an older token of a namespace', `s.${letters(24)}.aB3dE ok`, '[] ok'],
  ['vault_token', 'an older batch token', `b.${letters(100)} ok`, '[] ok'],
  [
    'vault_token',
    'a token broken over lines',
    `got hvs.${letters(60)}\n    ${letters(40)}\nnext line`,
    'got []\nnext line',
  ],
  ['aws_key', 'an access key id', `as ${accessKeyId} in eu`, 'as [] in eu'],
  ['aws_key', 'a named secret', `aws_secret_access_key = ${awsSecret}`, 'aws_secret_access_key = []'],
  ['aws_key', 'a secret in JSON', `{"SecretAccessKey": "${awsSecret}"}`, '{"SecretAccessKey": "[]"}'],
  ['aws_key', 'a session token in the environment', `AWS_SESSION_TOKEN=${letters(200)}==`, 'AWS_SESSION_TOKEN=[]'],
  ['private_key', 'a PEM key', `before\n${pem('PRIVATE KEY', keyLines)}\nafter`, 'before\n[]\nafter'],
  ['private_key', 'an RSA key', pem('RSA PRIVATE KEY', keyLines), '[]'],
  [
    'private_key',
    'an OpenSSH key behind prefixes',
    pem('OPENSSH PRIVATE KEY', keyLines).replaceAll('\n', '\n12:00 INFO '),
    '[]',
  ],
  [
    'private_key',
    'a key in one JSON string',
    `"${pem('PRIVATE KEY', keyLines).replaceAll('\n', '\\n')}\\n"`,
    '"[]\\n"',
  ],
  ['private_key', 'a PGP key', pem('PGP PRIVATE KEY BLOCK', keyLines), '[]'],
  ['private_key', 'a key whose end was cut off', `before\n${pem('EC PRIVATE KEY', keyLines, false)}`, 'before\n[]'],
  [
    'private_key',
    'a key whose beginning was cut off',
    `${[...keyLines, `${dashes}END PRIVATE KEY${dashes}`].join('\n')}\nafter`,
    '[]\nafter',
  ],
  ['jwt', 'a token', `token ${jwt} sent`, 'token [] sent'],
  ['jwt', 'an encrypted token', `eyJ${letters(20)}..${letters(16)}.${letters(30)}.${letters(22)} ok`, '[] ok'],
  ['jwt', 'a token behind a name', `session_id-${jwt} sent`, 'session_id-[] sent'],
  ['jwt', 'an unsigned token', `eyJ${letters(20)}.eyJ${letters(20)}.`, '[]'],
  [
    'jwt',
    'a token broken in its payload',
    `jwt eyJ${letters(20)}.eyJ${letters(40)}\n${letters(30)}.${letters(43)}\nnext line`,
    'jwt []\nnext line',
  ],
  [
    'jwt',
    'a token broken behind a dot',
    `eyJ${letters(20)}.\n  eyJ${letters(40)}.\n  ${letters(43)}\nnext`,
    '[]\nnext',
  ],
  [
    'url_password',
    'a PostgreSQL URL',
    'at postgres://app:hunter2@db.example:5432/orders?sslmode=require',
    'at postgres://app:[]@db.example:5432/orders?sslmode=require',
  ],
  ['url_password', 'a password with @ and /', 'mysql://root:p@ss/w:rd@10.0.0.1/x', 'mysql://root:[]@10.0.0.1/x'],
  ['url_password', 'no user', 'rediss://:s3cret@cache.internal:6379', 'rediss://:[]@cache.internal:6379'],
  [
    'url_password',
    'a list of hosts',
    'mongodb+srv://u:pw1@a.example,b.example/x',
    'mongodb+srv://u:[]@a.example,b.example/x',
  ],
  ['url_password', 'a web address', 'GET https://ci:12345@git.example/x', 'GET https://ci:[]@git.example/x'],
  ['authorization', 'a header', 'Authorization: Bearer abc.def-123', 'Authorization: Bearer []'],
  [
    'authorization',
    'a header in JSON',
    `{"authorization":"Basic ${letters(12)}==","a":1}`,
    '{"authorization":"Basic []","a":1}',
  ],
  [
    'authorization',
    'a header folded over lines',
    `authorization: Bearer\n  ${letters(30)}\nnext`,
    'authorization: Bearer\n  []\nnext',
  ],
  [
    'authorization',
    'a bearer token in prose',
    `called with bearer ${letters(24)} twice`,
    'called with bearer [] twice',
  ],
  [
    'authorization',
    "an agent's own token",
    'Authorization: Countersign-Agent abcdef',
    'Authorization: Countersign-Agent []',
  ],
  ['cookie', 'all of a header', 'Cookie: sid=abc; theme=dark', 'Cookie: []'],
  ['cookie', 'what a server sets', 'set-cookie: sid=abc; Path=/', 'set-cookie: []'],
  ['github_token', 'a classic token', `using ghp_${letters(36)}.`, 'using [].'],
  ['github_token', 'a fine-grained token', `github_pat_${letters(22)}_${letters(59)}`, '[]'],
  ['slack_token', 'a bot token', `xoxb-${'123456789012-'.repeat(2)}${letters(24)}`, '[]'],
  [
    'slack_token',
    'a webhook',
    `https://hooks.slack.com/services/T0TEAM/B0BOT/${letters(24)}`,
    'https://hooks.slack.com/services/[]',
  ],
  ['gcp_token', 'an API key', `AIza${letters(35)}`, '[]'],
  ['gcp_token', 'an access token', `ya29.${letters(60)}`, '[]'],
  ['model_api_key', 'a key', `sk-ant-api03-${letters(40)}`, '[]'],
  ['service_token', 'of GitLab', `glpat-${letters(20)} ok`, '[] ok'],
  ['service_token', 'of npm', `_authToken npm_${letters(36)}`, '_authToken []'],
  ['service_token', 'of Stripe', `using ${['sk', 'live', letters(24)].join('_')}`, 'using []'],
  [
    'url_signature',
    'of an address',
    `https://a.example/x?sig=${letters(40)}%3D&se=2026`,
    'https://a.example/x?sig=[]&se=2026',
  ],
  ['password', 'in SQL', "ALTER ROLE ada WITH PASSWORD 'it''s';", 'ALTER ROLE ada WITH PASSWORD [];'],
  ['password', 'in the SQL of others', "CREATE USER ada IDENTIFIED BY 'hunter2'", 'CREATE USER ada IDENTIFIED BY []'],
  ['password', 'under a short name', 'DB_PASS=hunter2 DB_USER=ada', 'DB_PASS=[] DB_USER=ada'],
  [
    'password',
    'of a storage account',
    `AccountKey=${letters(40)}==;EndpointSuffix=a.example`,
    'AccountKey=[];EndpointSuffix=a.example',
  ],
  ['password', 'a setting', 'password=hunter2 user=ada', 'password=[] user=ada'],
  ['password', 'a setting of the environment', 'PGPASSWORD=hunter2', 'PGPASSWORD=[]'],
  ['password', 'with punctuation in it', 'password=hun,ter;2!$x, user=ada', 'password=[], user=ada'],
  ['password', 'before another setting', 'password=hunter2,user=ada', 'password=[],user=ada'],
  ['password', 'that begins like a variable', 'password=$3cret', 'password=[]'],
  ['password', 'in YAML', 'db:\n  password: hunter2\n  user: ada', 'db:\n  password: []\n  user: ada'],
  ['password', 'in JSON', '{"password": "two words", "user": "ada"}', '{"password": [], "user": "ada"}'],
  [
    'password',
    'in JSON with a quote in it',
    String.raw`{"password":"a\"b","user":"ada"}`,
    '{"password":[],"user":"ada"}',
  ],
  [
    'password',
    'in JSON inside of JSON',
    String.raw`{"m":"{\"password\":\"a b\"}"}`,
    String.raw`{"m":"{\"password\":[]}"}`,
  ],
  ['password', 'on the line below its name', '"password":\n  "hunter2",\nnext', '"password":\n  [],\nnext'],
  ['password', 'after a line break', 'password=\n  hunter2\nnext', 'password=\n  []\nnext'],
  ['password', 'in a query', '/login?password=hunter2&user=ada', '/login?password=[]&user=ada'],
  ['password', 'in a DSN', "host=db password='two words' user=ada", 'host=db password=[] user=ada'],
  ['password', 'of a command', 'psql --password hunter2 -h db', 'psql --password [] -h db'],
  ['password', 'of a command with =', 'tool --api-key=abc123 run', 'tool --api-key=[] run'],
  ['password', 'a client secret', 'client_secret: "abc123"', 'client_secret: []'],
  ['password', 'a header of Vault', 'X-Vault-Token: root', 'X-Vault-Token: []'],
  ['password', 'whose quotes are not closed', 'password="hunter2\nnext', 'password=[]\nnext'],
];

describe('a log', () => {
  it.each(CASES)('loses as %s: %s', (rule, _what, text, left) => {
    const { text: shown, redactions } = redact(text);
    expect(shown).toBe(left.replace('[]', `[redacted: ${rule}]`));
    expect(redactions).toEqual([{ rule, count: 1 }]);
  });

  it('has a case for every rule', () => {
    expect(new Set(CASES.map(([rule]) => rule))).toEqual(new Set(REDACTION_RULES));
  });

  it('counts by rule, and each secret once', () => {
    const text = `password=hvs.${letters(90)} password=one Authorization: Bearer ${jwt}\npassword=two`;
    expect(redact(text).redactions).toEqual([
      { rule: 'jwt', count: 1 },
      { rule: 'vault_token', count: 1 },
      { rule: 'password', count: 2 },
    ]);
  });

  it('loses both halves of an AWS key in one line', () => {
    expect(redact(`${accessKeyId},${awsSecret}\n`)).toEqual({
      text: '[redacted: aws_key],[redacted: aws_key]\n',
      redactions: [{ rule: 'aws_key', count: 2 }],
    });
  });

  it('is the same when it is read again', () => {
    for (const [, , text] of CASES) {
      const once = redact(text).text;
      expect(redact(once)).toEqual({ text: once, redactions: [] });
    }
  });
});

describe('what is no secret stays:', () => {
  it.each([
    ['plain lines', 'connected\nplanned 3 steps\nasking for approval'],
    ['a method', 's.toLowerCase().trim() and s.abcdefghijklmnopqrstuvwx()'],
    ['a git commit', 'at 3f786850e387550fdab836ed7e6dc881de23001b'],
    ['a digest', `sha256 ${'ab12'.repeat(16)}`],
    ['a ULID', 'action/01M82BEDCBHPE39GJ5Q8ZMGYDJ'],
    ['a UUID', 'id 7c9e6679-7425-40de-944b-e07fc1f90ae7'],
    ['counts of tokens', 'prompt_tokens=1532 max_tokens: 4096 tokens: 12 token_count=7'],
    ['words that begin alike', 'tokenizer=gpt secretary: Ada passwordless=true'],
    ['talk about passwords', 'The password was rotated. Forgot password? Passwords are rotated daily'],
    ['a variable', 'password=${DB_PASSWORD} password=$PGPASSWORD --token "$TOKEN" password=%DB_PASSWORD%'],
    ['a place-holder', 'password=<password> token=*** secret="" password=null, password: none'],
    ['a format', 'password=%s'],
    ['results of tests', 'tests_pass=12 bypass: yes pass=true PGPASSFILE=/home/ada/.pgpass'],
    ['a working directory', 'PWD=/home/agent OLDPWD=/tmp'],
    ['an address with a port', 'https://api.example:8443/x?mail=a@b.example http://127.0.0.1:8080/a@b'],
    ['an IPv6 address', 'http://[::1]:8080/a@b'],
    ['an SSH remote', 'git@github.com:org/repo.git ssh://git@host:22/x'],
    ['bearer in prose', 'the bearer of authentication-information'],
    ['a demand for authorization', 'authorization: required'],
    ['a public key', `${dashes}BEGIN PUBLIC KEY${dashes}\n${letters(64)}\n${dashes}END PUBLIC KEY${dashes}`],
    ['names of packages', 'scikit-learn task-runner-for-everyone sk-learn-without-any-digit-inside'],
    ['base64 that is no token', `eyJ${letters(30)} alone`],
  ])('%s', (_what, text) => {
    expect(redact(text)).toEqual({ text, redactions: [] });
  });

  it('the message after a token', () => {
    const text = `hvs.${letters(90)}\nConnecting to the database\nok`;
    expect(redact(text).text).toBe('[redacted: vault_token]\nConnecting to the database\nok');
  });
});

describe('a log that was made to keep it busy', () => {
  const fill = (piece: string): string => piece.repeat(Math.ceil(65_536 / piece.length)).slice(0, 65_536);

  it.each(
    [
      'a',
      'eyJ',
      'eyJ-',
      'eyJaaaaaaaaaaaa.',
      '-eyJ-eyJ-eyJ-eyJ-eyJ-eyJ\n',
      'eyJaaaaaaaaaaaaa\n',
      'eyJaaaaaaaaaa.aaaaaaaaaaaa\n',
      'hvs.',
      'sk-',
      'token',
      'token=',
      'token="',
      "token='\\",
      'password=,',
      'a://b:',
      'a://',
      'bearer ',
      `${dashes}BEGIN PRIVATE KEY${dashes}`,
      `${dashes}END PRIVATE KEY${dashes}`,
      `${letters(64)}\n`,
      '\n',
      ' ',
      '"',
      '\\',
      'AKIAQWERTYUIOP234567 ',
      'authorization: bearer ',
      'xoxb-',
      "password '",
      "password '''",
      '?sig=',
      'eyJaaaaaaaaaa..',
      'b.',
      `hvs.${letters(20)}\n${letters(20)}\n`,
    ].map((piece) => [JSON.stringify(piece), fill(piece)] as const),
  )('of %s is read within a second', (_piece, text) => {
    const beganAt = performance.now();
    redact(text);
    expect(performance.now() - beganAt).toBeLessThan(1_000);
  });
});
