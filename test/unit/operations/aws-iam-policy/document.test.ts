import { describe, expect, it } from 'vitest';
import { documentDigest, parseDocument } from '../../../../src/operations/aws-iam-policy/document.js';
import { diffStatements } from '../../../../src/operations/aws-iam-policy/statement-diff.js';
import { json, parsed, statement } from './documents.js';

const READ = statement(['s3:GetObject', 's3:ListBucket'], {
  Sid: 'Read',
  Resource: ['arn:aws:s3:::b', 'arn:aws:s3:::a'],
});
const SAME_READ = statement(['s3:listbucket', 's3:GetObject', 's3:GetObject'], {
  Sid: 'Read',
  Resource: ['arn:aws:s3:::a', 'arn:aws:s3:::b'],
});
const WRITE = statement('s3:PutObject', { Condition: { StringEquals: { 'aws:PrincipalOrgID': ['o-1'] } } });
const SAME_WRITE = statement(['s3:PutObject'], { Condition: { StringEquals: { 'AWS:PrincipalOrgId': 'o-1' } } });

describe('a document', () => {
  it('is the same in another order and spelling', () => {
    expect(documentDigest(parsed(READ, WRITE))).toBe(documentDigest(parsed(SAME_WRITE, SAME_READ)));
  });

  it.each([
    ['another action', [statement('s3:PutObjectAcl')], [statement('s3:PutObject')]],
    ['another effect', [statement('s3:PutObject', { Effect: 'Deny' })], [statement('s3:PutObject')]],
    ['NotAction for Action', [statement('', { NotAction: 's3:PutObject' })], [statement('s3:PutObject')]],
    ['NotResource for Resource', [statement('s3:PutObject', { NotResource: '*' })], [statement('s3:PutObject')]],
    ['without its condition', [statement('s3:PutObject')], [WRITE]],
    ['another name', [statement('s3:PutObject', { Sid: 'A' })], [statement('s3:PutObject', { Sid: 'B' })]],
    ['one statement twice', [WRITE, WRITE], [WRITE]],
  ])('is another one with %s', (_, one, other) => {
    expect(documentDigest(parsed(...one))).not.toBe(documentDigest(parsed(...other)));
  });

  it.each([
    ['no statement', { Version: '2012-10-17', Statement: [] }, '.Statement'],
    ['an unknown version', { Version: '2020-01-01', Statement: [READ] }, '.Version'],
    ['an unknown field', { ...json(READ), Owner: 'me' }, ''],
    ['an effect in lower case', json({ ...READ, Effect: 'allow' }), '.Statement.0.Effect'],
    ['both Action and NotAction', json({ ...READ, NotAction: 's3:*' }), '.Statement.0'],
    ['no resource', json({ Effect: 'Allow', Action: 's3:*' }), '.Statement.0'],
    ['a principal', json({ ...READ, Principal: '*' }), '.Statement.0.Principal'],
    ['an action without a service', json(statement('GetObject')), '.Statement'],
    ['characters that IAM does not store', json({ ...READ, Sid: 'Re\u202ead' }), ''],
  ])('is refused with %s', (_, document, path) => {
    expect(parseDocument(document)).toMatchObject({
      ok: false,
      path: expect.stringMatching(`^${path.replaceAll('.', '\\.')}`) as string,
    });
  });
});

describe('the diff by statement', () => {
  it('is empty of changes for the same in other words', () => {
    const diff = diffStatements(parsed(READ, WRITE), parsed(SAME_WRITE, SAME_READ));
    expect(diff).toMatchObject({ added: 0, removed: 0, changed: 0 });
    expect(diff.lines.filter((line) => !line.startsWith(' '))).toEqual([
      // Only the spelling of an action differs: shown, for people read the document.
      '-     s3:ListBucket',
      '+     s3:listbucket',
    ]);
  });

  it('shows both documents whole, each element once', () => {
    const wider = statement(['s3:GetObject', 's3:*'], { Sid: 'Read', Resource: ['arn:aws:s3:::a', '*'] });
    const denying = statement('iam:*', { Effect: 'Deny', Sid: 'NoIam' });
    const { lines, ...counts } = diffStatements(parsed(READ, denying), parsed(WRITE, wider));
    expect(counts).toEqual({ added: 1, changed: 1, removed: 1 });
    expect(lines).toEqual([
      '- Deny (NoIam)',
      '-   Action',
      '-     iam:*',
      '-   Resource',
      '-     *',
      '  Allow (Read)',
      '    Action',
      '+     s3:*',
      '      s3:GetObject',
      '-     s3:ListBucket',
      '    Resource',
      '+     *',
      '      arn:aws:s3:::a',
      '-     arn:aws:s3:::b',
      '+ Allow',
      '+   Action',
      '+     s3:PutObject',
      '+   Resource',
      '+     *',
      '+   Condition',
      '+     StringEquals aws:principalorgid: "o-1"',
    ]);
  });

  it('keeps untrusted text on its line', () => {
    const { lines } = diffStatements(null, parsed(statement('s3:GetObject', { Resource: 'arn:aws:s3:::a\n+ Allow' })));
    expect(lines.filter((line) => line.includes('+ Allow'))).toEqual(['+ Allow', expect.stringContaining('⟨U+000A⟩')]);
  });
});
