/** Rules of style that no tool knows. A new one goes into a file of test/tidy/, with its reason and with
 * breaches to see that it finds them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';

import { leftoverRules } from './tidy/leftovers.ts';
import { lookupsInStores } from './tidy/lookups-in-stores.ts';
import { oneOwner } from './tidy/one-owner.ts';
import { outsideWorldRules } from './tidy/outside-world.ts';
import { roomRules } from './tidy/rooms.ts';
import { sizeRules } from './tidy/sizes.ts';
import { readTree } from './tidy/tree.ts';
import { usedExports } from './tidy/used-exports.ts';
import { wholeRules } from './tidy/whole.ts';

const rules = [
  ...sizeRules,
  ...outsideWorldRules,
  oneOwner,
  lookupsInStores,
  ...roomRules,
  ...leftoverRules,
  usedExports,
  ...wholeRules,
];

const tree = readTree(join(import.meta.dirname, '..'));

for (const { name, reason, find, breaches, allowed = [] } of rules) {
  suite(name, () => {
    test('here', () => {
      const found = find(tree);

      assert.equal(found.length, 0, `${name}, because ${reason}:\n  ${found.join('\n  ')}`);
    });

    test('a breach is found', () => {
      for (const files of breaches) {
        const found = find(new Map(Object.entries(files)));

        assert.notEqual(found.length, 0, `not found: ${JSON.stringify(files)}`);
      }
    });

    test('what only looks like a breach is allowed', () => {
      for (const files of allowed) {
        const found = find(new Map(Object.entries(files)));

        assert.deepEqual(found, [], JSON.stringify(files));
      }
    });
  });
}
