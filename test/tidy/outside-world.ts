/** What comes from outside a function, the environment, the network, the time, has one way in. */
import ts from 'typescript';

import type { Rule } from './rule.ts';
import { eachNode, listSources, parse, place, type Tree } from './tree.ts';

/** The places of all nodes in the sources, outside `home`, for which `is` holds. */
function findNodes(tree: Tree, folder: string, home: string, is: (node: ts.Node) => boolean) {
  return listSources(tree, folder)
    .filter((path) => !path.startsWith(home))
    .flatMap((path) => [...eachNode(parse(tree, path))].filter(is).map(place));
}

const environment: Rule = {
  name: 'the environment is read in src/platform/config',
  reason: 'what a process needs to start is in one schema, checked at the start and documented',
  find: (tree) => findNodes(tree, 'src/', 'src/platform/config/', readsEnvironment),
  breaches: [
    { 'src/lib/planted.ts': "export const home = process.env['HOME'];\n" },
    { 'src/lib/planted.ts': "export const home = process['env'].HOME;\n" },
    { 'src/lib/planted.ts': 'export const { env } = process;\n' },
    { 'src/lib/planted.ts': "import { env } from 'node:process';\n" },
  ],
  allowed: [
    { 'src/platform/config/planted.ts': 'export const { HOME } = process.env;\n' },
    { 'src/lib/planted.ts': '// not process.env\nexport const { env } = key;\n' },
    { 'src/lib/planted.test.ts': "process.env['HOME'] = '';\n" },
  ],
};

function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression, node.name.text);
  if (ts.isElementAccessExpression(node)) {
    const name = node.argumentExpression;
    return ts.isStringLiteral(name) && isProcess(node.expression, name.text);
  }
  if (ts.isBindingElement(node)) {
    const { initializer } = node.parent.parent as ts.VariableDeclaration;
    const name = (node.propertyName ?? node.name).getText();
    return initializer !== undefined && isProcess(initializer, name);
  }
  if (!ts.isImportSpecifier(node)) return false;
  const from = (node.parent.parent.parent.moduleSpecifier as ts.StringLiteral).text;
  return /^(node:)?process$/.test(from) && (node.propertyName ?? node.name).text === 'env';
}

const isProcess = (node: ts.Expression, name: string) =>
  /^(globalThis\.)?process$/.test(node.getText()) && name === 'env';

const network: Rule = {
  name: 'the network is called in src/platform/http',
  reason: 'one guarded client refuses private addresses, checks redirects and keeps credentials',
  find: (tree) => findNodes(tree, 'src/', 'src/platform/http/', callsNetwork),
  breaches: [
    { 'src/lib/planted.ts': "await fetch('https://example.com');\n" },
    { 'src/lib/planted.ts': "await globalThis.fetch('https://example.com');\n" },
    { 'src/lib/planted.ts': "import https from 'node:https';\nhttps.request('https://a');\n" },
    { 'src/lib/planted.ts': "import { request } from 'node:http';\n" },
  ],
  allowed: [
    { 'src/platform/http/planted.ts': "await fetch('https://example.com');\n" },
    { 'src/lib/planted.ts': "await http.fetch('https://example.com');\n" },
    { 'src/lib/planted.ts': "import type { IncomingMessage } from 'node:http';\n" },
  ],
};

function callsNetwork(node: ts.Node): boolean {
  if (ts.isCallExpression(node)) {
    return /^((globalThis\.)?fetch|https?\.(request|get))$/.test(node.expression.getText());
  }
  if (!ts.isImportSpecifier(node)) return false;
  const from = (node.parent.parent.parent.moduleSpecifier as ts.StringLiteral).text;
  const name = (node.propertyName ?? node.name).text;
  return /^(node:https?|https?|undici)$/.test(from) && ['request', 'get', 'fetch'].includes(name);
}

const time: Rule = {
  name: 'a room takes the time from clock',
  reason: 'a test can set a clock, and cannot set the time of the machine',
  find: (tree) => findNodes(tree, 'src/features/', 'src/lib/clock.ts', readsTime),
  breaches: [
    { 'src/features/labels/planted.ts': 'export const now = Date.now();\n' },
    { 'src/features/labels/planted.ts': 'export const now = () => new Date();\n' },
    { 'src/features/labels/planted.ts': 'export const now = new Date;\n' },
    { 'src/features/labels/planted.ts': 'export const now = Date();\n' },
  ],
  allowed: [
    { 'src/features/labels/planted.ts': 'export const day = new Date(row.created_at);\n' },
    { 'src/features/labels/planted.ts': 'export const now = clock.now();\n' },
    { 'src/features/labels/planted.test.ts': 'const now = Date.now();\n' },
  ],
};

function readsTime(node: ts.Node): boolean {
  if (ts.isNewExpression(node)) {
    return node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0;
  }
  return ts.isCallExpression(node) && /^Date(\.now)?$/.test(node.expression.getText());
}

export const outsideWorldRules = [environment, network, time];
