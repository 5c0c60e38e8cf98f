import assert from 'node:assert/strict';
import { test } from 'node:test';

import { lowerBound, projectedEnd, roundSentence } from '../../../dashboard/src/live/words';

test('what is left of a budget is not rounded above itself', () => {
  assert.equal(lowerBound(3.21479), '3.214');
  assert.equal(lowerBound(4), '4');
  assert.equal(lowerBound(0.3), '0.3');
  assert.equal(lowerBound(8 - 7.999998), '2.000e-6');
  assert.equal(lowerBound(0), '0');
  assert.equal(lowerBound(-1e-12), '0');
});

test('the end of a task is where its budget ends, or its rounds', () => {
  const privacy = { rounds: 3000, projected_rounds: 1086, projected_epsilon: 7.9999 };
  assert.equal(projectedEnd(privacy, true), '1,086 of 3,000 rounds, where the budget ends');
  assert.equal(
    projectedEnd({ ...privacy, projected_rounds: 3000 }, true),
    '3,000 of 3,000 rounds, with epsilon 8');
  assert.equal(
    projectedEnd({ ...privacy, projected_rounds: 3000 }, false),
    '3,000 of 3,000 rounds, with epsilon 8, if no other task spends');
});

test('a round says how far it is', () => {
  const at = '2027-01-15T08:00:00Z';
  const round = {
    number: 7, state: 'collecting', failure: '', cohort: 50, accepted: 40,
    deadline: '2027-01-15T08:00:31Z',
  };
  assert.equal(
    roundSentence(round, at), 'Round 7 collects: 40 of 50 reports, 31.0 s to its deadline.');
  assert.equal(
    roundSentence(round, '2027-01-15T08:01:00Z'),
    'Round 7 collects: 40 of 50 reports, past its deadline.');
  assert.equal(
    roundSentence({ ...round, deadline: undefined }, at),
    'Round 7 collects: 40 of 50 reports.');
  assert.equal(
    roundSentence({ ...round, state: 'sealed' }, at),
    'Round 7 has 40 of 50 reports and is being summed up.');
  assert.equal(
    roundSentence({ ...round, state: 'failed', failure: 'too_few_reports' }, at),
    'Round 7 failed with 40 of 50 reports: too few reports.');
  assert.equal(
    roundSentence({ ...round, state: 'committed' }, at),
    'Round 7 was committed with 40 of 50 reports.');
});
