import { describe, expect, it } from 'vitest';
import { encoderFor } from '../../../src/operations/database-export/encode-rows.js';

const column = (name: string, typeOid: number) => ({ name, typeOid, type: 'any' });

describe('rows as CSV', () => {
  it.each([
    ['plain', 'plain'],
    [null, ''],
    ['', '""'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', '"two\nlines"'],
    ['cr\r', '"cr\r"'],
    ['=1+1', '=1+1'],
    [' ü😀 ', ' ü😀 '],
  ])('%j becomes %j', (value, field) => {
    expect(encoderFor('csv', [column('a', 25), column('b', 25)]).row([value, 'end'])).toBe(`${field},end\r\n`);
  });

  it('names the columns first', () => {
    expect(encoderFor('csv', [column('id', 23), column('a "b"', 25)]).header).toBe('id,"a ""b"""\r\n');
  });
});

describe('rows as NDJSON', () => {
  it.each([
    [23, '-7', -7],
    [701, '1.5e+20', 1.5e20],
    [701, 'NaN', 'NaN'],
    [700, '-Infinity', '-Infinity'],
    [20, '9007199254740993', '9007199254740993'],
    [1700, '0.10', '0.10'],
    [16, 't', true],
    [16, 'f', false],
    [25, 'quo"te\n', 'quo"te\n'],
    [3802, '{"a": [1]}', { a: [1] }],
    [114, '{\n"a"\r\n:"x\\ny"}', { a: 'x\ny' }],
    [25, null, null],
  ])('type %i, %j becomes %j', (typeOid, value, expected) => {
    const line = encoderFor('ndjson', [column('v', typeOid)]).row([value]);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line)).toEqual({ v: expected });
  });
});
