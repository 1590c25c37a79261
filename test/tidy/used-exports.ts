import { posix } from 'node:path';

import ts from 'typescript';

import type { Rule } from './rule.ts';
import { eachNode, isCode, listSources, parse, place, type Tree } from './tree.ts';

/** What a tool or the bench takes is used; what only a test takes is not. */
const isTest = (path: string) => /^test\/|(\.test|-suite)\.ts$/.test(path);

/**
 * Everything that files other than tests take from others, as `file#name`; `file#*` is all of it, `#name` is
 * taken from a file whose path is computed.
 */
function listUses(tree: Tree): Set<string> {
  const users = [...tree.keys()].filter((path) => isCode(path) && !isTest(path));
  return new Set(users.flatMap((path) => [...eachNode(parse(tree, path))].flatMap(usesOf)));
}

function usesOf(node: ts.Node): string[] {
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return namesTakenFrom(node).map((name) => `${target(node, node.arguments[0])}#${name}`);
  }
  if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return [];
  if (node.moduleSpecifier === undefined) return [];
  const bindings = ts.isImportDeclaration(node)
    ? node.importClause?.namedBindings
    : node.exportClause;
  return namesIn(bindings).map((name) => `${target(node, node.moduleSpecifier)}#${name}`);
}

/** The file, from the root; empty when its path is not written out. */
function target(node: ts.Node, from: ts.Expression | undefined): string {
  if (from === undefined || !ts.isStringLiteral(from)) return '';
  return posix.join(posix.dirname(node.getSourceFile().fileName), from.text);
}

/** The names in `const { a, b } = await import('…')`. */
function namesTakenFrom(call: ts.CallExpression): string[] {
  const variable = ts.findAncestor(call, ts.isVariableDeclaration)?.name;
  if (variable === undefined || !ts.isObjectBindingPattern(variable)) return ['*'];
  return variable.elements.map(({ name, propertyName }) => (propertyName ?? name).getText());
}

function namesIn(bindings: ts.NamedImportBindings | ts.NamedExportBindings | undefined): string[] {
  if (bindings === undefined || ts.isNamespaceExport(bindings)) return ['*'];
  if (ts.isNamespaceImport(bindings)) return membersOf(bindings);
  return bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

/** What is used of `import * as store`. */
function membersOf({ name }: ts.NamespaceImport): string[] {
  return [...eachNode(name.getSourceFile())].flatMap((node) => {
    if (ts.isPropertyAccessExpression(node) && node.expression.getText() === name.text) {
      return [node.name.text];
    }
    return ts.isQualifiedName(node) && node.left.getText() === name.text ? [node.right.text] : [];
  });
}

interface Export {
  name: string;
  node: ts.Node;
  isType: boolean;
}

function exportsOf(source: ts.SourceFile): Export[] {
  return source.statements.flatMap((node): Export[] => {
    if (ts.isExportDeclaration(node)) {
      const { exportClause } = node;
      if (exportClause === undefined || !ts.isNamedExports(exportClause)) return [];
      const isType = (element: ts.ExportSpecifier) => node.isTypeOnly || element.isTypeOnly;
      return exportClause.elements.map((element) => ({
        name: element.name.text,
        node: element,
        isType: isType(element),
      }));
    }
    const modifiers = ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : [];
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return [];
    const isType = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node);
    const declarations = ts.isVariableStatement(node)
      ? node.declarationList.declarations
      : [node as ts.DeclarationStatement];
    return declarations.map((declaration) => ({
      name: declaration.name?.getText() ?? 'default',
      node: declaration,
      isType,
    }));
  });
}

/** How often each name stands in these files. */
function countNames(tree: Tree, paths: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const node of paths.flatMap((path) => [...eachNode(parse(tree, path))])) {
    if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
  }
  return counts;
}

function findUnused(tree: Tree): string[] {
  const uses = listUses(tree);
  const inTests = countNames(
    tree,
    [...tree.keys()].filter((path) => isCode(path) && isTest(path)),
  );
  return listSources(tree).flatMap((path) => {
    const here = countNames(tree, [path]);
    return exportsOf(parse(tree, path))
      .filter(({ name, isType }) => {
        if (['#', `${path}#`].some((of) => uses.has(of + name))) return false;
        if (uses.has(`${path}#*`)) return false;
        const isUsedHere = (here.get(name) ?? 0) > 1;
        return !(isUsedHere && (isType || inTests.has(name)));
      })
      .map(({ name, node }) => `${place(node)}: ${name}`);
  });
}

const one = { 'src/lib/one.ts': 'export const one = 1;\n' };
const part = 'const part = () => 1;\nexport const all = () => part();\n';

export const usedExports: Rule = {
  name: 'what src/ exports is used elsewhere, and not by tests alone',
  reason:
    'code that only its tests run is dead. A test may reach into a file for what that file itself uses, and a type may describe what is exported',
  find: findUnused,
  breaches: [
    one,
    { ...one, 'src/lib/one.test.ts': "import { one } from './one.ts';\n" },
    {
      ...one,
      'src/platform/storage/adapter-suite.ts': "import { one } from '../../lib/one.ts';\n",
    },
    { ...one, 'src/lib/two.ts': "import { one } from '../one.ts';\n" },
    { 'src/lib/one.ts': 'export const one = 1;\nconsole.log(one);\n' },
    { 'src/lib/one.ts': 'export interface One {\n  one: 1;\n}\n' },
    { 'src/lib/one.ts': 'export function one() {}\nexport class Two {}\n' },
    {
      'src/oci/words.ts': 'export const used = 1;\nexport const idle = 2;\n',
      'src/server/app.ts': "import * as words from '../oci/words.ts';\nconsole.log(words.used);\n",
    },
    {
      'src/features/labels/store.ts': 'export const find = () => 1;\n',
      'src/features/labels/index.ts': "export { find } from './store.ts';\n",
    },
    {
      'src/features/labels/store.ts': 'export interface Label {}\nlet use: Label;\n',
      'src/features/labels/index.ts': "export type { Label } from './store.ts';\n",
    },
  ],
  allowed: [
    { ...one, 'src/main.ts': "import { one as two } from './lib/one.ts';\n" },
    { ...one, 'src/main.ts': "import * as all from './lib/one.ts';\nconsole.log(all.one);\n" },
    { ...one, 'src/main.ts': "const { one } = await import('./lib/one.ts');\n" },
    { ...one, 'src/main.ts': "await import('./lib/one.ts');\n" },
    { ...one, 'scripts/tool.ts': 'const { one } = (await import(path)) as One;\n' },
    { ...one, 'bench/run.ts': "import { one } from '../src/lib/one.ts';\n" },
    {
      'src/lib/all.ts': part.replace('const part', 'export const part'),
      'src/lib/all.test.ts': "import { part } from './all.ts';\n",
      'src/main.ts': "import { all } from './lib/all.ts';\n",
    },
    {
      'src/lib/one.ts': 'export interface One {}\nexport const one: One = {};\n',
      'src/main.ts': "import { one } from './lib/one.ts';\n",
    },
    {
      'src/features/labels/store.ts': 'export const find = () => 1;\n',
      'src/features/labels/index.ts': "export { find } from './store.ts';\n",
      'src/server/routes.ts': "import { find } from '../features/labels/index.ts';\n",
    },
  ],
};
