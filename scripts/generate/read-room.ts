/** What a room's README says in the places that others read: its first paragraph and its tables. */
export interface RoomReadme {
  purpose: string;
  /** The names after "Tables:"; `undefined` when the README has no such line. */
  tables: string[] | undefined;
}

/** Reads `# name`, a first paragraph, and a paragraph such as "Tables: `label`, `artifact_label`."
 * ("Tables: none." for a room without any). Names stand in backticks; what is in parentheses is a remark. */
export function readRoomReadme(text: string): RoomReadme {
  const paragraphs = text
    .replaceAll('\r', '')
    .split(/\n\s*\n/)
    .flatMap((paragraph) => paragraph.split(/^(?=#)|(?<=^#.*)\n|\n(?=\**Tables:)/m))
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '');
  const isTables = (paragraph: string) => /^\**Tables:/.test(paragraph);
  const tables = paragraphs.find(isTables)?.replaceAll(/\([^)]*\)/g, '');
  return {
    purpose: paragraphs.find((text) => !text.startsWith('#') && !isTables(text)) ?? '',
    tables:
      tables?.match(/(?<=`)[a-z_][a-z0-9_]*(?=`)/g) ?? (tables === undefined ? undefined : []),
  };
}
