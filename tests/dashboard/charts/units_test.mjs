import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plainNumber, readable, readableSpread, unitFor } from '../../../dashboard/src/charts/units';

test('numbers have the unit that suits their size', () => {
  assert.equal(readable(0.8724, 'accuracy'), '87.2 %');
  assert.equal(readable(999, 'bytes'), '999 B');
  assert.equal(readable(1.25e6, 'bytes'), '1.25 MB');
  assert.equal(readable(225.4e6, 'bytes'), '225 MB');
  assert.equal(readable(0.0042, 'energy'), '4.20 mJ');
  assert.equal(readable(3400, 'energy'), '3.40 kJ');
  assert.equal(readable(0, 'time'), '0.00 ms');
  assert.equal(readable(90, 'time'), '1.50 min');
  assert.equal(readable(5.25 * 3600, 'time'), '5.25 h');
});

test('what is not known is a dash', () => {
  for (const value of [null, undefined, NaN, Infinity]) {
    assert.equal(readable(value, 'bytes'), '–');
  }
});

test('whole numbers keep their digits, fractions have four', () => {
  assert.equal(plainNumber(1234567), '1,234,567');
  assert.equal(plainNumber(0.123456), '0.1235');
  assert.equal(plainNumber(-3), '-3');
  assert.equal(plainNumber(1.5e-7), '1.500e-7');
});

test('a bound is not rounded below itself', () => {
  assert.equal(readable(8.52612, 'bound'), '8.527');
  assert.equal(readable(8.5259, 'bound'), '8.526');
  assert.equal(readable(0.1 + 0.2, 'bound'), '0.3');
  assert.equal(readable(4, 'bound'), '4');
  assert.equal(readable(0, 'bound'), '0');
  assert.equal(readable(12345.2, 'bound'), '12,350');
});

test('an axis keeps the smaller unit until the larger one counts to two', () => {
  assert.equal(unitFor('time', 1.5 * 3600, 2).symbol, 'min');
  assert.equal(unitFor('time', 30 * 3600, 2).symbol, 'h');
  assert.equal(unitFor('bytes', 0, 2).symbol, 'B');
});

test('a spread has the unit of its mean and few digits', () => {
  assert.equal(readableSpread(0.873, 0.0112, 'accuracy'), '87.3 ± 1.1 %');
  assert.equal(readableSpread(6.39 * 3600, 430, 'time'), '6.39 ± 0.12 h');
  assert.equal(readableSpread(182408, 5123, 'count'), '182,408 ± 5,123');
  assert.equal(readableSpread(7.981, 0.0086, 'number'), '7.981 ± 0.009');
  assert.equal(readableSpread(3.6e9, 1, 'bytes'), '3.60 GB');
  assert.equal(readableSpread(0.3769, 0, 'number'), '0.3769');
  assert.equal(readableSpread(null, 0, 'number'), '–');
});
