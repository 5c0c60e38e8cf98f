import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plainNumber, readable, unitFor } from '../../../dashboard/src/charts/units';

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

test('an axis keeps the smaller unit until the larger one counts to two', () => {
  assert.equal(unitFor('time', 1.5 * 3600, 2).symbol, 'min');
  assert.equal(unitFor('time', 30 * 3600, 2).symbol, 'h');
  assert.equal(unitFor('bytes', 0, 2).symbol, 'B');
});
