import ts from 'typescript';

import { readRoomReadme } from '../../scripts/generate/read-room.ts';
import type { Rule } from './rule.ts';
import { listSqlWrites, readSqlFunctions } from './sql-writes.ts';
import { eachNode, listSources, parse, place, type Tree } from './tree.ts';

interface Write {
  table: string;
  place: string;
  /** The room, as `src/features/labels`, or the part of the platform, as `src/platform/jobs`. */
  owner: string;
}

const KYSELY_WRITES = ['insertInto', 'replaceInto', 'updateTable', 'deleteFrom', 'mergeInto'];

/** Stands where a template has a hole whose text is not known here. */
const HOLE = '__hole__';

const ownedBy = (path: string) => /^src\/[^/]+(\/[^/]+)?(?=\/)/.exec(path)?.[0] ?? path;

/** Every table a README names, with the folders whose README names it. */
function readOwners(tree: Tree): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const [path, text] of tree) {
    if (!/^src\/(features|platform)\/[^/]+\/README\.md$/.test(path)) continue;
    for (const table of readRoomReadme(text).tables ?? []) {
      owners.set(table, [...(owners.get(table) ?? []), ownedBy(path)]);
    }
  }
  return owners;
}

/** SQL functions that a room's README names for other rooms: calling one is no write of the caller. */
function listDoors(tree: Tree): string[] {
  return [...tree]
    .filter(([path]) => /^src\/(features|platform)\/[^/]+\/README\.md$/.test(path))
    .flatMap(([, text]) => /^SQL functions for other rooms: (.*)\.$/m.exec(text)?.[1] ?? [])
    .flatMap((list) => [...list.matchAll(/`(\w+)`/g)].map((match) => match[1]!));
}

function listWrites(tree: Tree): Write[] {
  const functions = readSqlFunctions(tree);
  for (const name of listDoors(tree)) functions.delete(name);
  return listSources(tree).flatMap((path) => {
    const nodes = [...eachNode(parse(tree, path))];
    const texts = nodes.filter(isText).map((node) => ({ node, text: sqlOf(node) }));
    const temporary = new Set(
      texts.flatMap(({ text }) =>
        [...text.matchAll(/\btemp(?:orary)?\s+table\s+(?:if\s+not\s+exists\s+)?(\w+)/gi)].map(
          ([, table]) => table,
        ),
      ),
    );
    const found = [
      ...nodes.flatMap((node) => kyselyWrites(node).map((table) => ({ table, node }))),
      ...texts.flatMap(({ node, text }) =>
        listSqlWrites(text, functions).map((table) => ({ table, node })),
      ),
    ];
    return found
      .filter(({ table }) => !temporary.has(table))
      .map(({ table, node }) => ({ table, place: place(node), owner: ownedBy(path) }));
  });
}

function kyselyWrites(node: ts.Node): string[] {
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
  if (!KYSELY_WRITES.includes(node.expression.name.text)) return [];
  const [table] = node.arguments;
  if (table === undefined) return [];
  const tables = ts.isArrayLiteralExpression(table) ? table.elements : [table];
  // `updateTable('tag as t')`
  return tables.flatMap(tableNames).map(firstWord);
}

/** The names an expression can stand for: a string, or the variable of a loop over strings. */
function tableNames(node: ts.Expression): string[] {
  if (ts.isStringLiteralLike(node)) return [node.text];
  const loop = ts.findAncestor(
    node,
    (parent): parent is ts.ForOfStatement =>
      ts.isForOfStatement(parent) &&
      ts.isVariableDeclarationList(parent.initializer) &&
      parent.initializer.declarations[0]?.name.getText() === node.getText(),
  );
  const list =
    loop !== undefined && ts.isAsExpression(loop.expression) && loop.expression.expression;
  if (!list || !ts.isArrayLiteralExpression(list)) return [HOLE];
  return list.elements.map((element) => (ts.isStringLiteralLike(element) ? element.text : HOLE));
}

const firstWord = (text: string) =>
  text
    .trim()
    .split(/\s/)[0]!
    .replace(/^\w+\./, '');

function isText(node: ts.Node): node is ts.StringLiteralLike | ts.TemplateExpression {
  return ts.isStringLiteralLike(node) || ts.isTemplateExpression(node);
}

/** The text of a string or template; a hole that names a table, as sql.table('tag'), is that name. */
function sqlOf(node: ts.StringLiteralLike | ts.TemplateExpression): string {
  if (ts.isStringLiteralLike(node)) return node.text;
  const parts = node.templateSpans.map(({ expression, literal }) => {
    const known = /^sql\.(?:table|id|ref)\(\s*['"](\w+)['"]\s*\)$/.exec(expression.getText());
    return `${known?.[1] ?? HOLE}${literal.text}`;
  });
  return node.head.text + parts.join('');
}

function findForeignWrites(tree: Tree): string[] {
  const owners = readOwners(tree);
  const writes = listWrites(tree);
  const shared = [...owners].filter(([, folders]) => folders.length > 1);
  return [
    ...shared.map(([table, folders]) => `${table} is named by ${folders.join(' and ')}`),
    ...writes.flatMap(({ table, place, owner }) => {
      if (table === HOLE) {
        // The platform may write to tables it is given, such as partitions.
        return owner.startsWith('src/platform/') ? [] : [`${place}: the table is not written out`];
      }
      const named = owners.get(table);
      if (named !== undefined) {
        return named.includes(owner) ? [] : [`${place}: ${table} belongs to ${named.join(', ')}`];
      }
      const others = writes.filter((write) => write.table === table && write.owner !== owner);
      if (owner.startsWith('src/platform/') && others.length === 0) return [];
      return [`${place}: ${table} stands in no README after "Tables:"`];
    }),
  ];
}

const labels = 'src/features/labels';
const readme = { [`${labels}/README.md`]: '# labels\n\nLabels.\n\nTables: `label`.\n' };
const elsewhere = 'src/features/quotas/store.ts';
const inSql = (name: string, body: string) =>
  `create function ${name}(id int) returns int language plpgsql as $$\nbegin\n  ${body};\nend $$;\n`;
const functions = {
  'migrations/0001-labels.sql': `${inSql('drop_label', 'delete from label')}insert into quota values (1);\n`,
};

export const oneOwner: Rule = {
  name: "only a table's own room writes to it",
  reason: 'what a table holds can be understood from one room; any store may join it for reading',
  find: findForeignWrites,
  breaches: [
    { ...readme, ...functions, [elsewhere]: 'sql`select drop_label(${id})`.execute(db);\n' },
    { ...readme, ...functions, [elsewhere]: "db.fn('drop_label', [id]);\n" },
    {
      ...readme,
      ...functions,
      'migrations/0002-more.sql': inSql('drop_labels', 'perform drop_label(id)'),
      [elsewhere]: 'sql`select drop_labels(1)`;\n',
    },
    {
      ...readme,
      ...functions,
      'migrations/0002-more.sql': `create or replace function drop_label(id int) returns void
        language sql begin atomic insert into quota values (id); end;`,
      [`${labels}/store.ts`]: 'sql`select drop_label(1)`;\n',
    },
    {
      ...readme,
      [elsewhere]: "lookups.batch({ name: 'label', text: `delete from label where id = $1` });\n",
    },
    { ...readme, [elsewhere]: "db.insertInto('label').values(row);\n" },
    { ...readme, [elsewhere]: "db.updateTable('label as l').set(row);\n" },
    { ...readme, [elsewhere]: "db.deleteFrom('public.label');\n" },
    { ...readme, [elsewhere]: 'sql`insert into label (name) values (${name})`;\n' },
    { ...readme, [elsewhere]: "sql`with x as (select 1) update only label l set name = ''`;\n" },
    { ...readme, [elsewhere]: "sql`delete from ${sql.table('label')}`;\n" },
    { ...readme, [elsewhere]: "client.query('TRUNCATE label');\n" },
    { ...readme, [elsewhere]: 'sql`delete from ${table}`;\n' },
    { ...readme, [elsewhere]: 'db.deleteFrom(table);\n' },
    { ...readme, [elsewhere]: "for (const t of ['label'] as const) db.deleteFrom(t);\n" },
    { ...readme, 'src/platform/jobs/store.ts': "db.deleteFrom('label');\n" },
    { ...readme, [`${labels}/store.ts`]: "db.deleteFrom('label_history');\n" },
    { ...readme, 'src/features/quotas/README.md': '# quotas\n\nTables: `quota`, `label`.\n' },
    {
      'src/platform/jobs/store.ts': "db.insertInto('job');\n",
      'src/platform/events/store.ts': "db.deleteFrom('job');\n",
    },
  ],
  allowed: [
    {
      ...functions,
      [`${labels}/README.md`]:
        '# labels\n\nSQL functions for other rooms: `drop_label`.\n\nTables: `label`.\n',
      [elsewhere]: 'sql`select drop_label(${id})`.execute(db);\n',
    },
    { ...readme, [`${labels}/store.ts`]: "db.insertInto('label');\n" },
    { ...readme, ...functions, [`${labels}/store.ts`]: 'sql`select drop_label(1)`;\n' },
    {
      ...readme,
      ...functions,
      'src/features/quotas/README.md': '# quotas\n\nTables: `quota`.\n',
      'migrations/0002-more.sql': inSql('end_quota', 'delete from quota; perform drop_label(1)'),
      [elsewhere]: 'sql`select end_quota(1)`;\n',
    },
    {
      ...readme,
      ...functions,
      'migrations/0002-more.sql': inSql('drop_label', 'return 0'),
      [elsewhere]: 'sql`select drop_label(1)`;\n',
    },
    {
      ...readme,
      [`${labels}/store.ts`]: "for (const t of ['label'] as const) db.deleteFrom(t);\n",
    },
    { ...readme, [`${labels}/store/insert.ts`]: 'sql`insert into label select 1`;\n' },
    { ...readme, [elsewhere]: "db.selectFrom('quota as q').innerJoin('label as l');\n" },
    { ...readme, [elsewhere]: 'sql`select 1 from label for update of label skip locked`;\n' },
    { ...readme, [`${labels}/a.test.ts`]: "db.deleteFrom('quota');\n" },
    { [elsewhere]: 'sql`create temp table found (id int)`; sql`insert into found select 1`;\n' },
    { 'src/platform/jobs/store.ts': "db.insertInto('job');\n" },
  ],
};
