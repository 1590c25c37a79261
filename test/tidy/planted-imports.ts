const one = 'export const one = 1;\n';
const imports = (from: string, names = 'one') =>
  `import { ${names} } from '${from}';\n\nexport const use = [${names}];\n`;

/** Imports as they should be. The names stand in the breaches too. */
export const soundImports: Record<string, string> = {
  'src/lib/one.ts': one,
  'src/oci/one.ts': imports('../lib/one.ts'),
  'src/platform/config/schema.ts': imports('typebox', 'Type'),
  'src/platform/db/pool.ts': imports('pg', 'Pool'),
  'src/features/access/index.ts': one,
  'src/features/access/inside.ts': one,
  'src/features/quotas/store.ts': imports('kysely', 'sql'),
  'src/features/labels/index.ts': imports('../access/index.ts'),
  'src/features/labels/types.ts':
    "import type { Kysely } from 'kysely';\n\nexport type Database = Kysely<object>;\n",
  // An adapter knows the narrow interface that its room holds, and the room's table lists the adapter.
  'src/features/registries/index.ts': "export { list } from './adapters/index.ts';\n",
  'src/features/registries/adapter.ts': 'export interface Adapter {\n  name: string;\n}\n',
  'src/features/registries/adapters/index.ts': "export { ecr as list } from './ecr/adapter.ts';\n",
  'src/features/registries/adapters/ecr/adapter.ts':
    "import type { Adapter } from '../../adapter.ts';\n\nexport const ecr: Adapter = { name: 'ecr' };\n",
  // Tests may import anything.
  'src/lib/one.test.ts': imports('../features/access/inside.ts'),
  'src/server/app.ts': "export { use } from '../features/labels/index.ts';\n",
  'src/commands/server.ts': "export { use } from '../server/app.ts';\n",
  'src/main.ts': "import { use } from './commands/server.ts';\n\nconsole.log(use);\n",
};

interface Breach {
  rule: string;
  at: string;
  files: Record<string, string>;
}

/** One file that breaches one rule. */
const breach = (rule: string, at: string, from: string, names?: string): Breach => ({
  rule,
  at,
  files: { [at]: imports(from, names) },
});

const breaches: Breach[] = [
  breach('layers-lib', 'src/lib/up.ts', '../oci/one.ts', 'use'),
  breach('layers-oci', 'src/oci/up.ts', '../platform/db/pool.ts', 'use'),
  breach('layers-platform', 'src/platform/db/up.ts', '../../features/access/index.ts'),
  breach('layers-features', 'src/features/access/up.ts', '../../server/app.ts', 'use'),
  breach('layers-server', 'src/server/up.ts', '../commands/server.ts', 'use'),
  breach('layers-commands', 'src/commands/up.ts', '../main.ts', 'use'),
  breach('room-order', 'src/features/access/down.ts', '../labels/index.ts', 'use'),
  breach('through-the-door', 'src/features/labels/window.ts', '../access/inside.ts'),
  {
    rule: 'no-cycles',
    at: 'src/lib/egg.ts',
    files: {
      'src/lib/hen.ts': "export { egg as hen } from './egg.ts';\n",
      'src/lib/egg.ts': "export { hen as egg } from './hen.ts';\n",
    },
  },
  {
    // No two files are in a circle here, only the rooms are.
    rule: 'no-room-cycles',
    at: 'src/features/signing',
    files: {
      'src/features/signing/index.ts': imports('../trash/index.ts'),
      'src/features/signing/other.ts': one,
      'src/features/trash/index.ts': one,
      'src/features/trash/other.ts': imports('../signing/other.ts'),
    },
  },
  breach('sql-in-stores', 'src/features/labels/routes.ts', 'kysely', 'sql'),
  breach('sql-in-stores', 'src/platform/jobs/queue.ts', 'pg', 'Pool'),
  breach('runs-alone', 'src/lib/tool.ts', '../../scripts/rooms.ts', 'rooms'),
  breach('runs-without-dev-dependencies', 'src/lib/compile.ts', 'typescript', 'version'),
  breach('named-in-package-json', 'src/lib/borrowed.ts', 'atomic-sleep', 'sleep'),
  breach('leads-somewhere', 'src/lib/lost.ts', './nowhere.ts'),
];

export const breachesOfImports = {
  files: Object.assign({}, ...breaches.map(({ files }) => files)) as Record<string, string>,
  /** `rule file`, as the cruiser should report it. */
  found: breaches.map(({ rule, at }) => `${rule} ${at}`),
};
