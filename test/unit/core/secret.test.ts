import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../../src/core/json.js';
import { Secret } from '../../../src/core/secret.js';

const VALUE = 'hvs.never-to-be-seen';
const secret = new Secret(VALUE);
const error = new Error('Failed.', { cause: { secret } });
const copy = Object.assign({}, secret);

test.each<[string, () => string]>([
  ['JSON', () => JSON.stringify({ secret, list: [secret] })],
  ['canonical JSON', () => canonicalJson({ secret })],
  ['a template', () => `token ${secret as unknown as string}`],
  ['a sum of texts', () => 'token ' + (secret as unknown as string)],
  ['String()', () => String(secret)],
  ['inspect', () => inspect(secret)],
  ['inspect with everything shown', () => inspect({ secret }, { showHidden: true, depth: Infinity, getters: true })],
  ['inspect without custom ways', () => inspect(secret, { customInspect: false, showHidden: true })],
  ['inspect of an error’s cause', () => inspect(error)],
  ['format %s', () => format('%s', secret)],
  ['format %j', () => format('%j', { secret })],
  ['format %o', () => format('%o', { secret })],
  ['format %O', () => format('%O', { secret })],
  ['format without a place', () => format('token', secret)],
  ['a spread copy', () => inspect(copy, { showHidden: true })],
  ['its own properties', () => JSON.stringify(Object.getOwnPropertyDescriptors(secret))],
  ['a structured clone', () => inspect(structuredClone(copy))],
  ['an error message', () => new Error(`no ${secret as unknown as string}`).stack ?? ''],
])('a secret does not show in %s', (_, print) => {
  expect(print()).not.toContain(VALUE);
});

test('a secret is told to those who ask for it by name', () => {
  expect(secret.reveal()).toBe(VALUE);
});
