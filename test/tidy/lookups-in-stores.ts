import ts from 'typescript';

import type { Rule } from './rule.ts';
import { eachNode, listSources, parse, place } from './tree.ts';

const isStore = (path: string) => /^src\/platform\/db\/|\/store(\.ts$|\/)/.test(path);

/** `lookups.batch`, `lookups['batch']` or `const { batch } = lookups`. */
function takesBatch(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'batch';
  if (ts.isElementAccessExpression(node)) {
    return /^['"`]batch['"`]$/.test(node.argumentExpression.getText());
  }
  return ts.isBindingElement(node) && (node.propertyName ?? node.name).getText() === 'batch';
}

/** The import rule `sql-in-stores` can't see these: their SQL is a plain text, and nothing is imported for it. */
export const lookupsInStores: Rule = {
  name: 'look-ups are written in store.ts (or store/)',
  reason: 'their SQL stands with the other queries of its room, so that each is found in one place',
  find: (tree) =>
    listSources(tree)
      .filter((path) => !isStore(path))
      .flatMap((path) => [...eachNode(parse(tree, path))].filter(takesBatch).map(place)),
  breaches: [
    { 'src/features/labels/routes.ts': "lookups.batch({ name: 'a', text: 'select 1' });\n" },
    {
      'src/features/labels/find.ts': 'export const find = platform.lookups.batch<Key, Row>(own);\n',
    },
    { 'src/features/labels/find.ts': "lookups['batch'](own);\n" },
    { 'src/server/app.ts': 'const { batch } = lookups;\n' },
    { 'src/features/labels/find.ts': 'const open = ({ batch: ask }: Lookups) => ask(own);\n' },
  ],
  allowed: [
    { 'src/features/labels/store.ts': 'lookups.batch(own);\n' },
    { 'src/features/labels/store/lookups.ts': 'const { batch } = lookups;\n' },
    { 'src/platform/db/lookups.ts': 'pool.batch(own);\n' },
    {
      'src/features/labels/find.ts': 'openLabelLookups(lookups);\nconst batch = list.splice(0);\n',
    },
    { 'src/features/labels/find.test.ts': 'lookups.batch(own);\n' },
  ],
};
