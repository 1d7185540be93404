import { describe, expect, it } from 'vitest';
import { covers, hasWildcard, overlaps } from '../../../../src/operations/aws-iam-policy/patterns.js';

describe('covers', () => {
  it.each([
    ['*', 's3:GetObject', true],
    ['s3:*', 's3:Get*', true],
    ['s3:Get*', 's3:*', false],
    ['s3:Get*', 's3:GetObject', true],
    ['s3:?et*', 's3:GetObject', true],
    ['s3:GetObject', 's3:GetObjec?', false],
    ['s3:GetObjec?', 's3:GetObject', true],
    ['a*c*e', 'abcde', true],
    ['a*c*e', 'a*e', false],
    ['a?', 'a*', false],
    ['a*', 'a', true],
    ['*a', 'ba*', false],
    ['arn:aws:s3:::home/*', 'arn:aws:s3:::home/${aws:username}/*', true],
    ['arn:aws:s3:::home/${aws:username}', 'arn:aws:s3:::home/${aws:username}', true],
    ['arn:aws:s3:::home/${aws:username}', 'arn:aws:s3:::home/olivia', false],
    ['arn:aws:s3:::home/?', 'arn:aws:s3:::home/${aws:username}', false],
    ['a${*}b', 'a*b', false],
    ['a*b', 'a${*}b', true],
  ])('%s of %s: %s', (general, specific, expected) => {
    expect(covers(general, specific)).toBe(expected);
  });
});

describe('overlaps', () => {
  it.each([
    ['s3:Get*', 's3:*Object', true],
    ['s3:Get*', 's3:Put*', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*', '', true],
    ['a*', '*b', true],
    ['home/${aws:username}', 'home/olivia', true],
    ['home/${aws:username}', 'away/olivia', false],
    ['abc', 'abd', false],
  ])('%s and %s: %s', (one, other, expected) => {
    expect(overlaps(one, other)).toBe(expected);
    expect(overlaps(other, one)).toBe(expected);
  });
});

it('covers only where it overlaps: 2,000 pairs from a fixed seed', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
  const pattern = (): string => Array.from({ length: random(5) }, () => 'ab*?'.charAt(random(4))).join('');
  // The oracle: every text of a and b up to six characters.
  const texts = Array.from({ length: 127 }, (_, index) =>
    (index + 1).toString(2).slice(1).replace(/0/g, 'a').replace(/1/g, 'b'),
  );
  const matched = (one: string): string[] => {
    const expression = new RegExp(`^${one.replace(/\*/g, '.*').replace(/\?/g, '.')}$`);
    return texts.filter((text) => expression.test(text));
  };
  let covered = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const [general, specific] = [pattern(), pattern()];
    const [wide, narrow] = [matched(general), matched(specific)];
    if (covers(general, specific)) {
      covered += 1;
      expect(
        narrow.filter((text) => !wide.includes(text)),
        `${general} covers ${specific}`,
      ).toEqual([]);
    }
    const shared = narrow.some((text) => wide.includes(text));
    expect(overlaps(general, specific), `${general} and ${specific}`).toBe(shared);
  }
  expect(covered).toBeGreaterThan(200);
});

it.each([
  ['s3:*', true],
  ['s3:Get?', true],
  ['s3:GetObject', false],
  ['arn:aws:s3:::a/${*}', false],
])('a wildcard in %s: %s', (pattern, expected) => {
  expect(hasWildcard(pattern)).toBe(expected);
});
