import { readRoomReadme } from '../../scripts/generate/read-room.ts';
import { rooms } from '../../scripts/rooms.ts';
import type { Rule } from './rule.ts';
import type { Tree } from './tree.ts';

function listRooms(tree: Tree): string[] {
  const names = [...tree.keys()].map((path) => /^src\/features\/([^/]+)\//.exec(path)?.[1]);
  return [...new Set(names)].filter((name) => name !== undefined);
}

const rule = (room: string, files: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(files).map(([at, text]) => [`src/features/${room}/${at}`, text]),
  );

const readme = '# labels\n\nLabels of a project.\n\nTables: `label`.\n';

const aDoorAndASign: Rule = {
  name: 'every room has a README.md and an index.ts',
  reason: 'the README says where the data comes from and goes to; index.ts is the door',
  find: (tree) =>
    listRooms(tree).flatMap((room) =>
      ['README.md', 'index.ts']
        .map((file) => `src/features/${room}/${file}`)
        .filter((path) => !tree.has(path))
        .map((path) => `${path} is not there`),
    ),
  breaches: [rule('labels', { 'README.md': readme }), rule('labels', { 'index.ts': '' })],
  allowed: [rule('labels', { 'README.md': readme, 'index.ts': '' })],
};

const aReadableSign: Rule = {
  name: "a room's README says what it is for, and its tables",
  reason: 'docs/rooms.md and the rule of one owner per table read it',
  find: (tree) =>
    listRooms(tree).flatMap((room) => {
      const path = `src/features/${room}/README.md`;
      if (!tree.has(path)) return [];
      const { purpose, tables } = readRoomReadme(tree.get(path)!);
      return [
        ...(purpose === '' ? [`${path} has no paragraph`] : []),
        ...(tables === undefined ? [`${path} has no line "Tables: …" (or "Tables: none.")`] : []),
      ];
    }),
  breaches: [
    rule('labels', { 'README.md': '# labels\n\nTables: none.\n' }),
    rule('labels', { 'README.md': '# labels\n\nLabels.\n' }),
  ],
  allowed: [
    rule('labels', { 'README.md': readme }),
    rule('labels', { 'README.md': '# labels\nLabels.\nTables: `label` (its `id`).\n' }),
    rule('labels', { 'README.md': '# labels\n\nLabels.\n\n**Tables:** none.\n' }),
  ],
};

const aPlaceInTheOrder: Rule = {
  name: 'every room stands in the list of rooms',
  reason: 'the import rule room-order knows only the rooms of scripts/rooms.ts',
  find: (tree) =>
    listRooms(tree)
      .filter((room) => !rooms.some((known) => known === room))
      .map((room) => `src/features/${room} is not in scripts/rooms.ts`),
  breaches: [rule('cellar', { 'index.ts': '' })],
  allowed: [rule('labels', { 'index.ts': '' })],
};

export const roomRules = [aDoorAndASign, aReadableSign, aPlaceInTheOrder];
