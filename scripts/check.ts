/** `npm run check`: all static checks, one after another. Each one runs even when another failed, and the
 * failed ones are listed at the end. `npm run check -- lint types` runs only those; what starts with a dash
 * is handed to the tool: `npm run lint -- --fix`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = join(root, 'node_modules/.bin');

const checks: Record<string, string[]> = {
  format: [join(bin, 'oxfmt'), '--check', '.'],
  lint: [join(bin, 'oxlint'), '.'],
  imports: [join(bin, 'depcruise'), 'src'],
  types: [join(bin, 'tsc')],
  generated: [join(root, 'scripts/generate.ts'), '--check'],
};

const isOption = (argument: string) => argument.startsWith('-');
const options = process.argv.slice(2).filter(isOption);
const wanted = process.argv.slice(2).filter((argument) => !isOption(argument));
const unknown = wanted.filter((name) => !(name in checks));
if (unknown.length > 0) {
  console.error(
    `no such check: ${unknown.join(', ')}; there are ${Object.keys(checks).join(', ')}`,
  );
  process.exit(2);
}

const failed: string[] = [];
for (const [name, command] of Object.entries(checks)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`\n== ${name}`);
  const startedAt = performance.now();
  // The tools are scripts that name `node` in their first line; this runs them with the pinned one.
  const { status, error } = spawnSync(process.execPath, [...command, ...options], {
    cwd: root,
    stdio: 'inherit',
  });
  if (error) console.error(error);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`== ${name}: ${status === 0 ? 'ok' : 'FAILED'} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}

console.log(failed.length === 0 ? '\ncheck: ok' : `\ncheck: FAILED: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
