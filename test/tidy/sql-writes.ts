/** Which tables a piece of SQL writes to, by itself or through the functions of the migrations. */
import type { Tree } from './tree.ts';

const name = String.raw`(?:"?\w+"?\.)?"?(\w+)"?`;
const WRITES = [
  new RegExp(String.raw`\b(?:insert|merge)\s+into\s+${name}`, 'gi'),
  new RegExp(String.raw`\bdelete\s+from\s+(?:only\s+)?${name}`, 'gi'),
  new RegExp(String.raw`\btruncate\s+(?:table\s+)?${name}`, 'gi'),
  new RegExp(String.raw`\bcopy\s+${name}\s*(?:\([^)]*\))?\s+from\b`, 'gi'),
  new RegExp(String.raw`\bupdate\s+(?:only\s+)?${name}(?:\s+(?:as\s+)?\w+)?\s+set\b`, 'gi'),
];

/** The tables that each SQL function writes to itself, and its text. */
type Functions = Map<string, { text: string; tables: string[] }>;

export function readSqlFunctions(tree: Tree): Functions {
  const functions: Functions = new Map();
  const paths = [...tree.keys()].filter((path) => /^migrations\/.*\.sql$/.test(path)).sort();
  for (const path of paths) {
    const [, ...parts] = withoutComments(tree.get(path)!).split(
      /\bcreate\s+(?:or\s+replace\s+)?(?:function|procedure)\s+/i,
    );
    for (const part of parts) {
      const [, called] = /^(?:\w+\.)?"?(\w+)/.exec(part)!;
      // Up to the end of its body, as what stands behind it is done by the migration.
      const text = /^[^]*?(\$\w*\$)[^]*?\1/.exec(part)?.[0] ?? part;
      functions.set(called!, { text, tables: directWrites(text) });
    }
  }
  return functions;
}

/** The tables that `text` writes to. The text may be the mere name of a function: `fn('push_manifest', […])`. */
export function listSqlWrites(text: string, functions: Functions): string[] {
  const sql = withoutComments(text);
  return [...directWrites(sql), ...calledIn(sql, functions, new Set())];
}

/**
 * The tables of the functions that `sql` calls. A function that writes a room's table is that room's: it may call
 * another room's function, as code calls through a door. What only calls writes what it calls.
 */
function calledIn(sql: string, functions: Functions, seen: Set<string>): string[] {
  return [...functions].flatMap(([called, { text, tables }]) => {
    if (seen.has(called) || !new RegExp(String.raw`\b${called}"?\s*(?:\(|$)`).test(sql)) return [];
    seen.add(called);
    return tables.length > 0 ? tables : calledIn(text, functions, seen);
  });
}

const directWrites = (sql: string) =>
  WRITES.flatMap((pattern) => [...sql.matchAll(pattern)].map((match) => match[1]!));

const withoutComments = (text: string) => text.replaceAll(/--.*$|\/\*[^]*?\*\//gm, ' ');
