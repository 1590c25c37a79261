import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { compareOperation, type Operation } from './compare.ts';
import { DIFFERENCES } from './differences.ts';
import { FACTS, nameOf } from './facts.ts';
import { NOT_BUILT } from './not-built.ts';

const document = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8'),
) as { paths: Record<string, Record<string, Operation>> };

/** A slash at the end of a path means nothing, in Harbor and here. */
const findOurs = ({ method, path }: { method: string; path: string }) =>
  document.paths[`/api/v2.0${path.replace(/\/$/, '')}`]?.[method.toLowerCase()];

test('the operations of Harbor that are missing are those of the list', () => {
  const missing = FACTS.operations.filter((fact) => findOurs(fact) === undefined).map(nameOf);

  assert.deepEqual(missing.toSorted(), NOT_BUILT.toSorted());
});

for (const fact of FACTS.operations.filter((operation) => !NOT_BUILT.includes(nameOf(operation)))) {
  test(`${nameOf(fact)} is as Harbor's clients know it`, () => {
    const { [nameOf(fact)]: differences = {} } = DIFFERENCES;

    const faults = compareOperation(fact, findOurs(fact)!);

    assert.deepEqual(faults.toSorted(), Object.keys(differences).toSorted());
  });
}

test('what differs is an operation that is there', () => {
  const built = new Set(FACTS.operations.filter(findOurs).map(nameOf));

  assert.deepEqual(
    Object.keys(DIFFERENCES).filter((name) => !built.has(name)),
    [],
  );
});
