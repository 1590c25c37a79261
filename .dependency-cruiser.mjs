// Which file may import which. `npm run lint:imports` checks it; test/gates.test.ts plants a breach of
// each rule and sees it found. Both lists below are orders, kept in scripts/rooms.ts.
import { layers, rooms } from './scripts/rooms.ts';

const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const anyOf = (names) => `(${names.join('|')})`;

/** Imports point to the inner layers only; what starts the program is imported by nobody. */
const layerRules = layers.map((layer, index) =>
  forbid(
    `layers-${layer}`,
    `${layer}/ may import only ${layers.slice(index).join(', ')}`,
    { path: `^src/${layer}/` },
    { path: `^src/(main\\.ts$|${anyOf([...layers.slice(0, index), 'nothing'])}/)` },
  ),
);

/** A room may use the rooms above it in the list, so no two rooms can need each other. */
const roomRules = rooms
  .slice(0, -1)
  .map((room, index) =>
    forbid(
      'room-order',
      `a room may use the rooms above it in scripts/rooms.ts`,
      { path: `^src/features/${room}/` },
      { path: `^src/features/${anyOf(rooms.slice(index + 1))}/` },
    ),
  );

export default {
  forbidden: [
    ...layerRules,
    ...roomRules,
    forbid(
      'through-the-door',
      'another room is used through its index.ts, so that its inside can change without asking',
      { path: '^src/features/([^/]+)/' },
      {
        path: '^src/features/([^/]+)/',
        pathNot: ['^src/features/$1/', '^src/features/[^/]+/index\\.ts$'],
      },
    ),
    forbid(
      'no-cycles',
      'files in a circle can only be understood together',
      {},
      { circular: true },
    ),
    {
      ...forbid(
        'no-room-cycles',
        'rooms in a circle can only be understood together',
        { path: '^src/features/[^/]+$' },
        { circular: true, path: '^src/features/[^/]+$' },
      ),
      scope: 'folder',
    },
    forbid(
      'sql-in-stores',
      'SQL stands in platform/db and in store.ts (or store/), so that each query is found in one place',
      { path: '^src/', pathNot: '^src/(platform/db/|.*/store(\\.ts|/))' },
      { path: 'node_modules/(kysely|pg)/', dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'runs-alone',
      'the server image holds src/ and the dependencies: no test, script or development tool',
      { path: '^src/' },
      { path: '^(test|bench|scripts|portal)/' },
    ),
    forbid(
      'runs-without-dev-dependencies',
      'the server image is installed without devDependencies',
      { path: '^src/' },
      { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'named-in-package-json',
      'a package that only another package brings along can vanish with the next update',
      { path: '^src/' },
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    forbid(
      'leads-somewhere',
      'an import that leads nowhere stops the program where no test has been',
      { path: '^src/' },
      { couldNotResolve: true },
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: ['node_modules', '^(test|bench|scripts|portal)/'] },
    // A test starts the whole program, which would close a circle.
    exclude: { path: '(\\.test|-suite)\\.ts$' },
  },
};
