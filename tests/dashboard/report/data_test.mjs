import assert from 'node:assert/strict';
import { test } from 'node:test';

import { groupByName } from '../../../dashboard/src/report/data';

test('runs with the same name are one group, in the order of appearance', () => {
  const runs = ['b', 'a', 'b'].map((name, i) => ({ name, seed: String(i) }));
  const groups = groupByName(runs);
  assert.deepEqual(groups.map(({ name }) => name), ['b', 'a']);
  assert.deepEqual(groups[0].runs.map(({ seed }) => seed), ['0', '2']);
});
