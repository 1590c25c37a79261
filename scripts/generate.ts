/** `npm run generate` writes every generated file; with `--check` it compares them instead and names
 * those that are stale. Paths after it choose the files. A new one is a file in scripts/generate/ and a line
 * in `generators`. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { generateConfigurationPage } from './generate/configuration-page.ts';
import { generateDatabaseTypes } from './generate/database-types.ts';
import { generateOpenApi } from './generate/openapi.ts';
import { generateRoomsPage } from './generate/rooms-page.ts';
import { generateSettingsPage } from './generate/settings-page.ts';

interface Generator {
  /** The file it makes, from the root of the repository. */
  path: string;
  /** What it should hold now; `undefined` while its source is not there. */
  generate: (root: string) => Promise<string | undefined>;
}

const root = join(import.meta.dirname, '..');

const generators: Generator[] = [
  { path: 'src/platform/db/schema.gen.ts', generate: generateDatabaseTypes },
  { path: 'docs/configuration.md', generate: generateConfigurationPage },
  { path: 'docs/settings.md', generate: generateSettingsPage },
  { path: 'docs/openapi.json', generate: generateOpenApi },
  { path: 'docs/rooms.md', generate: generateRoomsPage },
];

const check = process.argv.includes('--check');
const wantedPaths = process.argv.slice(2).filter((argument) => argument !== '--check');

/** Generated files pass the same format check as written ones. */
function format(path: string, text: string): string {
  const oxfmt = join(root, 'node_modules/.bin/oxfmt');
  return execFileSync(process.execPath, [oxfmt, `--stdin-filepath=${path}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
}

const stale: string[] = [];
for (const { path, generate } of generators) {
  if (wantedPaths.length > 0 && !wantedPaths.includes(path)) continue;
  const text = await generate(root);
  if (text === undefined) continue;
  const wanted = format(path, text);
  const file = join(root, path);
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) continue;
  stale.push(path);
  if (check) continue;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, wanted);
  console.log(`wrote ${path}`);
}

if (check && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run \`npm run generate\` and commit the result`);
  process.exitCode = 1;
}
