/** Rules about the repository as a whole. */
import type { Rule } from './rule.ts';
import type { Tree } from './tree.ts';

const migrationsInARow: Rule = {
  name: 'migrations are numbered 0001, 0002 and so on, without a gap',
  reason: 'they run in this order everywhere; two with one number would race',
  find: (tree) =>
    [...tree.keys()]
      .filter((path) => path.startsWith('migrations/') && path.endsWith('.sql'))
      .sort()
      .flatMap((path, index) => {
        const number = String(index + 1).padStart(4, '0');
        const fits = new RegExp(`^migrations/${number}-[a-z0-9]+(-[a-z0-9]+)*\\.sql$`).test(path);
        return fits ? [] : [`${path}: expected ${number}-<name>.sql`];
      }),
  breaches: [
    { 'migrations/0002-a.sql': '' },
    { 'migrations/0001-a.sql': '', 'migrations/0003-b.sql': '' },
    { 'migrations/0001-a.sql': '', 'migrations/0001-b.sql': '' },
    { 'migrations/0001_a.sql': '' },
    { 'migrations/0001-a.sql': '', 'migrations/more/0002-b.sql': '' },
  ],
  allowed: [{ 'migrations/0001-a.sql': '', 'migrations/0002-b.sql': '' }],
};

/** The compiler that the import rules can read. */
const TYPESCRIPT = '5.9.3';

function findUnpinned(tree: Tree): string[] {
  return ['package.json', 'portal/package.json'].flatMap((path) => {
    const manifest = JSON.parse(tree.get(path) ?? '{}') as Record<string, Record<string, string>>;
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'];
    return kinds
      .flatMap((kind) => Object.entries(manifest[kind] ?? {}))
      .filter(([name, version]) =>
        name === 'typescript' ? version !== TYPESCRIPT : !/^(npm:.+@)?\d+\.\d+\.\d+/.test(version),
      )
      .map(([name, version]) => `${path}: ${name} ${version}`);
  });
}

const exactVersions: Rule = {
  name: `dependencies have exact versions, typescript ${TYPESCRIPT}`,
  reason:
    'what was tested is what runs; with a newer typescript dependency-cruiser cruises nothing and passes',
  find: findUnpinned,
  breaches: [
    { 'package.json': '{ "dependencies": { "pg": "^8.0.0" } }' },
    { 'package.json': '{ "devDependencies": { "typescript": "7.0.0" } }' },
    { 'portal/package.json': '{ "devDependencies": { "react": "latest" } }' },
  ],
  allowed: [{ 'package.json': '{ "devDependencies": { "typescript": "5.9.3", "pg": "8.0.0" } }' }],
};

export const wholeRules = [migrationsInARow, exactVersions];
