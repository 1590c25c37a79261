/** Every gate of `npm run check` is shown a breach, in a copy of the settings, and has to see it. A gate
 * that passes because it looked at nothing would pass here too, so what is sound has to pass as well. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { stripVTControlCharacters } from 'node:util';

import { breachesOfImports, soundImports } from './tidy/planted-imports.ts';
import { breachesOfLint, soundCode } from './tidy/planted-lint.ts';
import { isTest, readTree } from './tidy/tree.ts';

const root = join(import.meta.dirname, '..');

/** What a gate reads besides the sources. */
const settings = [
  '.dependency-cruiser.mjs',
  '.oxfmtrc.json',
  '.oxlintrc.json',
  'package.json',
  'scripts/check.ts',
  'scripts/generate',
  'scripts/generate.ts',
  'scripts/rooms.ts',
  'tsconfig.json',
];

const databaseTypes = 'src/platform/db/schema.gen.ts';

/** A small repository under the settings of this one. */
async function plant(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'roadstead-gates-')));
  t.after(() => rm(folder, { recursive: true, force: true }));
  for (const path of settings) await cp(join(root, path), join(folder, path), { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

function run(folder: string, ...command: string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      command,
      { cwd: folder, maxBuffer: 1 << 26 },
      (error, stdout, stderr) => {
        // Some tools print in colour when they run in CI.
        const output = stripVTControlCharacters(stdout + stderr);
        resolve({ code: error?.code ?? 0, output });
      },
    );
  });
}

const check = (folder: string, ...gates: string[]) => run(folder, 'scripts/check.ts', ...gates);

suite('the gates', { concurrency: 2 }, () => {
  test('let sound code pass', async (t) => {
    const folder = await plant(t, { ...soundImports, ...soundCode });

    const { code, output } = await check(folder, 'format', 'lint', 'imports', 'types');

    assert.equal(code, 0, output);
  });

  test('imports: every rule finds its breach', async (t) => {
    const folder = await plant(t, { ...soundImports, ...breachesOfImports.files });

    const { code, output } = await check(folder, 'imports');

    assert.equal(code, 1, output);
    const found = [...output.matchAll(/error ([\w-]+): (\S+)/g)].map(
      ([, rule, at]) => `${rule} ${at}`,
    );
    assert.deepEqual(
      breachesOfImports.found.filter((line) => !found.includes(line)),
      [],
      output,
    );
    const { default: config } = (await import(join(root, '.dependency-cruiser.mjs'))) as {
      default: { forbidden: { name: string }[] };
    };
    const planted = new Set(breachesOfImports.found.map((line) => line.split(' ')[0]));
    const rules = new Set(config.forbidden.map(({ name }) => name));
    assert.deepEqual(planted, rules, 'each rule has a breach planted');
  });

  test('imports: the cruiser reads every source', async () => {
    const depcruise = join(root, 'node_modules/.bin/depcruise');

    const { output } = await run(root, depcruise, 'src', '--output-type', 'json');

    const paths = [...readTree(root).keys()];
    const sources = paths.filter((path) => /^src\/.*\.ts$/.test(path) && !isTest(path));
    const { modules } = JSON.parse(output) as { modules: { source: string }[] };
    const cruised = modules.map(({ source }) => source).filter((path) => path.startsWith('src/'));
    assert.deepEqual(cruised.sort(), sources.sort());
  });

  test('lint: every rule we lean on finds its breach', async (t) => {
    const folder = await plant(t, breachesOfLint.files);

    const { code, output } = await check(folder, 'lint');

    assert.equal(code, 1, output);
    const reports = output.matchAll(/(\S+\(\S+\)): [^]*?\[([^\]:]+):\d+:\d+\]/g);
    const found = [...reports].map(([, rule, at]) => `${rule} ${at}`);
    assert.deepEqual(
      breachesOfLint.found.filter((line) => !found.includes(line)),
      [],
      output,
    );
  });

  test('types: a wrong type, and syntax that Node cannot strip', async (t) => {
    const folder = await plant(t, {
      'src/lib/a.ts': "export const a: number = '1';\n",
      'src/lib/b.ts': 'export enum B {\n  One,\n}\n',
      'src/lib/c.ts': 'export const c = (list: string[]): string => list[0];\n',
    });

    const { code, output } = await check(folder, 'types');

    assert.equal(code, 1, output);
    for (const at of ['a.ts', 'b.ts', 'c.ts']) assert.ok(output.includes(`src/lib/${at}`), output);
  });

  test('format: a line that is too long, and double quotes', async (t) => {
    const folder = await plant(t, {
      'src/lib/a.ts': `export const a = [${"'a long word', ".repeat(10)}'end'];\n`,
      'src/lib/b.ts': 'export const b = "b";\n',
    });

    const { code, output } = await check(folder, 'format');

    assert.equal(code, 1, output);
    for (const at of ['a.ts', 'b.ts']) assert.ok(output.includes(`src/lib/${at}`), output);
  });

  test('generated: a page that is behind its sources', async (t) => {
    const folder = await plant(t, {
      'src/features/labels/README.md': '# labels\n\nWords on artifacts.\n\nTables: `label`.\n',
    });
    const pages = ['docs/rooms.md', 'docs/configuration.md'];

    const before = await run(folder, 'scripts/generate.ts', '--check', ...pages);
    const written = await run(folder, 'scripts/generate.ts', ...pages);
    const after = await run(folder, 'scripts/generate.ts', '--check', ...pages);

    assert.deepEqual([before.code, written.code, after.code], [1, 0, 0], before.output);
    assert.match(before.output, /stale: docs\/rooms\.md/);
  });

  test('generated: database types that a new migration left behind', async (t) => {
    const folder = await plant(t, {});
    for (const path of ['src', 'migrations']) {
      await cp(join(root, path), join(folder, path), { recursive: true });
    }
    await writeFile(
      join(folder, 'migrations/9999-planted.sql'),
      'create table planted (id int);\n',
    );

    const { code, output } = await run(folder, 'scripts/generate.ts', '--check', databaseTypes);

    assert.equal(code, 1, output);
    assert.match(output, /stale: src\/platform\/db\/schema\.gen\.ts/);
  });

  test('check runs every gate and names those that failed', async (t) => {
    const folder = await plant(t, {
      'src/lib/a.ts': 'export const a: number = "1";\n',
      'src/features/labels/README.md': '# labels\n\nLabels.\n\nTables: none.\n',
    });

    const { code, output } = await check(folder);

    assert.equal(code, 1, output);
    assert.match(output, /^check: FAILED: format, types, generated$/m);
  });
});
