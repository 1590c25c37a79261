import ts from 'typescript';

import type { Rule } from './rule.ts';
import { eachNode, isCode, parse, place, type Tree } from './tree.ts';

/** The lines of all files, but for what others wrote and we keep as it is, that match. */
function findLines(tree: Tree, pattern: RegExp): string[] {
  const ours = [...tree].filter(([path]) => !/(^|\/)fixtures\//.test(path));
  return ours.flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => {
      const found = pattern.exec(line);
      return found === null ? [] : [`${path}:${index + 1}: ${found[0]}`];
    }),
  );
}

// The words are put together here, so that this file does not breach its own rules.
const later = ['TO' + 'DO', 'FIX' + 'ME'];

const nothingLeftForLater: Rule = {
  name: `there is no ${later.join(' or ')}`,
  reason: 'what is left to do stands in an issue, where others see it',
  find: (tree) => findLines(tree, new RegExp(`\\b(${later.join('|')})\\b`)),
  breaches: later.map((word) => ({ 'src/lib/planted.ts': `// ${word}: later\n` })),
};

const allTestsRun: Rule = {
  name: 'every test runs',
  reason:
    'a test that is always left out says nothing; for a missing tool, call t.skip with its name',
  find: (tree) =>
    [...tree.keys()].filter(isCode).flatMap((path) => {
      if (!/^(test|bench)\/|\.test\.tsx?$|-suite\.ts$/.test(path)) return [];
      return [...eachNode(parse(tree, path))].filter(leavesOutTests).map(place);
    }),
  breaches: [
    { 'src/lib/planted.test.ts': "test.only('a', () => {});\n" },
    { 'src/lib/planted.test.ts': "describe.skip('a', () => {});\n" },
    { 'src/lib/planted.test.ts': "test.todo('a');\n" },
    { 'src/lib/planted.test.ts': "test('a', { only: true }, () => {});\n" },
    { 'test/planted.test.ts': "test('a', { skip: 'slow' }, () => {});\n" },
  ],
  allowed: [
    { 'src/lib/planted.test.ts': "test('a', (t) => t.skip('docker is not here'));\n" },
    { 'test/clients/planted.test.ts': "test('a', { skip: missing('docker') }, () => {});\n" },
  ],
};

function leavesOutTests(node: ts.Node): boolean {
  if (!ts.isCallExpression(node)) return false;
  const name = node.expression.getText();
  if (/^(test|it|describe|suite)\.(only|skip|todo)$/.test(name)) return true;
  if (!/^(test|it|describe|suite)$/.test(name)) return false;
  return node.arguments
    .filter(ts.isObjectLiteralExpression)
    .flatMap(({ properties }) => properties)
    .filter(ts.isPropertyAssignment)
    .some(
      ({ name, initializer }) =>
        ['only', 'skip', 'todo'].includes(name.getText()) &&
        (initializer.kind === ts.SyntaxKind.TrueKeyword || ts.isStringLiteral(initializer)),
    );
}

const ignore = '@ts-' + 'ignore';
const nocheck = '@ts-' + 'nocheck';

const allCodeIsChecked: Rule = {
  name: 'the compiler checks every line',
  reason: 'a line it skips hides the next mistake too; @ts-expect-error with a reason does not',
  find: (tree) => findLines(tree, new RegExp(`${ignore}|${nocheck}`)),
  breaches: [
    { 'src/lib/planted.ts': `// ${ignore}\nexport const a: string = 1;\n` },
    { 'src/lib/planted.ts': `// ${nocheck}\nexport const a: string = 1;\n` },
  ],
};

const anyMachine: Rule = {
  name: 'no file names a folder of one machine',
  reason: 'the repository works from any folder, of any user',
  find: (tree) => findLines(tree, /(?<![\w.~})*-])\/(work|root)\/|\/home\/(?!node\/)[a-z]\w*\//),
  breaches: [
    { 'README.md': `Run ${'/wo'}${'rk/main/bin/roadstead'}.\n` },
    { 'scripts/planted.sh': `cd ${'/ro'}${'ot/roadstead'}\n` },
    { 'scripts/planted.sh': `cd ${'/ho'}${'me/ann/roadstead'}\n` },
  ],
  allowed: [{ 'README.md': 'See ./work/ and src/work/plan.ts.\n' }],
};

const anyMirror: Rule = {
  name: 'no file names the host of a package registry',
  reason: 'people and their CI install through mirrors, which their own settings name',
  find: (tree) =>
    findLines(
      tree,
      /\bnpmjs\.(org|com)\b|\byarnpkg\.com\b|\bpypi\.org\b|\bpythonhosted\.org\b|\b(proxy|sum)\.golang\.org\b|\b(deb|security)\.debian\.org\b|\b(archive|ports)\.ubuntu\.com\b/,
    ),
  breaches: [
    { '.npmrc': `registry=https://registry.npmjs${'.'}org/\n` },
    { 'deploy/Dockerfile': `RUN pip install -i https://pypi${'.'}org/simple x\n` },
    { '.ci/planted': `export GOPROXY=https://proxy.golang${'.'}org\n` },
  ],
};

export const leftoverRules = [
  nothingLeftForLater,
  allTestsRun,
  allCodeIsChecked,
  anyMachine,
  anyMirror,
];
