import ts from 'typescript';

import type { Rule } from './rule.ts';
import { eachNode, isCode, parse, place, type Tree } from './tree.ts';

const MOST_FILE_LINES = 400;
const MOST_FUNCTION_LINES = 70;

const listCode = (tree: Tree) => [...tree.keys()].filter(isCode);

const shortFiles: Rule = {
  name: `a file has at most ${MOST_FILE_LINES} lines`,
  reason: 'a file is one idea, mostly 50 to 150 lines; at 300 look for the seam',
  find: (tree) =>
    listCode(tree).flatMap((path) => {
      const lines = tree.get(path)!.trimEnd().split('\n').length;
      return lines > MOST_FILE_LINES ? [`${path}: ${lines} lines`] : [];
    }),
  breaches: [{ 'src/lib/long.ts': 'export const a = 1;\n'.repeat(MOST_FILE_LINES + 1) }],
  allowed: [
    { 'src/lib/long.ts': 'export const a = 1;\n'.repeat(MOST_FILE_LINES) },
    { 'src/lib/long.gen.ts': 'export const a = 1;\n'.repeat(MOST_FILE_LINES + 1) },
  ],
};

const shortFunctions: Rule = {
  name: `a function has at most ${MOST_FUNCTION_LINES} lines`,
  reason: 'a function fits on a screen, and mostly in 15 lines',
  find: (tree) =>
    listCode(tree).flatMap((path) =>
      [...eachNode(parse(tree, path))].flatMap((node) => {
        if (!ts.isFunctionLike(node) || isTable(node)) return [];
        const lines = ownLines(node);
        return lines > MOST_FUNCTION_LINES ? [`${place(node)}: ${lines} lines`] : [];
      }),
    ),
  breaches: [
    { 'src/lib/long.ts': `export function long() {\n${'long();\n'.repeat(70)}}\n` },
    { 'src/lib/long.ts': `export const long = () => {\n${'long();\n'.repeat(70)}};\n` },
    { 'src/lib/long.ts': `class Long {\n  read() {\n${'this.read();\n'.repeat(70)}}\n}\n` },
    { 'src/lib/long.ts': `f(() => { g(() => {\n${'long();\n'.repeat(70)}})});\n` },
  ],
  allowed: [
    { 'src/lib/long.ts': `export function long() {\n${'long();\n'.repeat(68)}}\n` },
    { 'src/lib/open.ts': `const open = () => ({\n${'f() {\n\n\n\n},\n'.repeat(40)}});\n` },
    {
      'src/features/labels/routes.ts': `const labelRoutes: Routes = async (app) => {\n${"app.get('/a', f);\n".repeat(90)}};\n`,
    },
    { 'src/lib/a.test.ts': `describe('a', () => {\n${"test('a', f);\n".repeat(90)}});\n` },
  ],
};

/** A list of routes or of tests, each entry a function that is measured on its own. */
function isTable(node: ts.SignatureDeclaration): boolean {
  const { parent } = node;
  if (ts.isVariableDeclaration(parent)) return parent.type?.getText() === 'Routes';
  return ts.isCallExpression(parent) && ['describe', 'suite'].includes(parent.expression.getText());
}

/** Lines of a function without those of the methods inside it: an object's methods are measured one by
 * one, like those of a class. */
function ownLines(node: ts.SignatureDeclaration): number {
  let lines = countLines(node);
  const visit = (child: ts.Node): void => {
    if (isMember(child)) lines -= Math.max(0, countLines(child) - 1);
    else ts.forEachChild(child, visit);
  };
  ts.forEachChild(node, visit);
  return lines;
}

function isMember(node: ts.Node): boolean {
  if (ts.isMethodDeclaration(node) || ts.isAccessor(node)) return true;
  if (!ts.isPropertyAssignment(node) && !ts.isPropertyDeclaration(node)) return false;
  const value = node.initializer;
  return value !== undefined && (ts.isArrowFunction(value) || ts.isFunctionExpression(value));
}

function countLines(node: ts.Node): number {
  return node.getText().split('\n').length;
}

export const sizeRules = [shortFiles, shortFunctions];
