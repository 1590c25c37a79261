/** Code that passes, close to what must not. */
export const soundCode: Record<string, string> = {
  'test/sound.test.ts': [
    "import assert from 'node:assert/strict';",
    "import { test } from 'node:test';",
    '',
    "test('a promise of node:test need not be awaited', async () => {",
    '  assert.equal(await Promise.resolve(1), 1);',
    '});',
    '',
  ].join('\n'),
  'src/commands/sound.ts': "console.log('a command may print');\n",
  'vite.config.ts': 'export default { root: 1 };\n',
};

/** What breaches a rule, by the rule's name in the report. */
const breaches: Record<string, string> = {
  'typescript(no-floating-promises)': 'wait();',
  'typescript(no-misused-promises)': 'export const a = [1].map((n) => n).forEach(wait);',
  'typescript(await-thenable)': 'await 1;',
  'typescript(return-await)':
    'export async function a(): Promise<boolean> {\n  try {\n    return wait();\n  } finally {\n    use();\n  }\n}',
  'typescript(only-throw-error)': "throw 'no';",
  'typescript(switch-exhaustiveness-check)':
    "export function a(b: 'c' | 'd'): void {\n  switch (b) {\n    case 'c':\n      use();\n  }\n}",
  'typescript(no-explicit-any)': 'export const a: any = 1;',
  'typescript(consistent-type-imports)':
    "import { Stats } from 'node:fs';\n\nexport type A = Stats;",
  'typescript(ban-ts-comment)': '// @ts-expect-error\nexport const a: string = 1;',
  'eslint(no-unused-vars)': 'const a = 1;',
  'eslint(eqeqeq)': 'export const a = (b: number) => b == 1;',
  'eslint(no-console)': "console.log('a');",
  'eslint(no-empty)': 'try {\n  use();\n} catch {}',
  'eslint(no-param-reassign)': 'export function a(b: number): void {\n  b = 1;\n  use(b);\n}',
  'eslint(preserve-caught-error)':
    "try {\n  use();\n} catch (cause) {\n  use(cause);\n  throw new Error('a');\n}",
  'eslint(prefer-const)': 'let a = 1;\nuse(a);',
  'import(no-default-export)': 'export default 1;',
  'unicorn(prefer-node-protocol)': "export { join } from 'path';",
  'unicorn(no-array-for-each)': '[1].forEach(use);',
};

const helpers = [
  'export async function wait(): Promise<boolean> {\n  return true;\n}\n',
  'export const use = (..._: unknown[]): void => undefined;\n',
];

const start = "import { use, wait } from './helpers.ts';\n\nuse(wait);\n";

const list = Object.entries(breaches).map(([rule, text]) => {
  const path = `src/lib/${rule.replace(/.*\(/, '').slice(0, -1)}.ts`;
  return { rule, path, text: `${start}${text}\n` };
});

export const breachesOfLint = {
  files: {
    'src/lib/helpers.ts': helpers.join('\n'),
    'src/lib/fileName.ts': start,
    ...Object.fromEntries(list.map(({ path, text }) => [path, text])),
  },
  /** `rule file`, as oxlint should report it. */
  found: [
    'unicorn(filename-case) src/lib/fileName.ts',
    ...list.map(({ rule, path }) => `${rule} ${path}`),
  ],
};
