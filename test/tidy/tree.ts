import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** The text files of the repository, tracked or about to be, by their path from its root. */
export type Tree = ReadonlyMap<string, string>;

export function readTree(root: string): Tree {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const paths = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 });
  const tree = new Map<string, string>();
  for (const path of new Set(paths.split('\0')).difference(new Set(['']))) {
    const file = join(root, path);
    if (!existsSync(file) || !statSync(file).isFile()) continue;
    const text = readFileSync(file, 'utf8');
    if (!text.includes('\0')) tree.set(path, text);
  }
  return tree;
}

export const isTest = (path: string) => /(^(test|bench)\/|(\.test|-suite)\.ts$)/.test(path);

/** Code that people wrote: not generated, not a sample that a test reads. */
export const isCode = (path: string) =>
  /\.(ts|tsx|mts|mjs|js)$/.test(path) &&
  !/\.gen\.ts$|(^|\/)fixtures\/|^portal\/src\/api\//.test(path);

/** The sources of the server, without their tests. */
export function listSources(tree: Tree, folder = 'src/'): string[] {
  return [...tree.keys()].filter(
    (path) => path.startsWith(folder) && isCode(path) && !isTest(path),
  );
}

const parsed = new Map<string, ts.SourceFile>();

export function parse(tree: Tree, path: string): ts.SourceFile {
  const text = tree.get(path) ?? '';
  const key = `${path}\0${text}`;
  const source = parsed.get(key) ?? ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  parsed.set(key, source);
  return source;
}

/** A node and all nodes inside it. */
export function* eachNode(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    children.push(child);
  });
  for (const child of children) yield* eachNode(child);
}

/** `path:line`, as editors and terminals understand it. */
export function place(node: ts.Node): string {
  const source = node.getSourceFile();
  return `${source.fileName}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
