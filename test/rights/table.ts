export interface Row {
  request: string;
  cells: string[];
}

const HEADING = `# Who may send which request. Made by: npm run rights. Read what it changed before you commit it.
#
# + passes the permission: what the answer then is does not matter; 401, 403, 404, 412 are refusals.
# 401/+ is: 401 in a private project, + in a public one.
# outsider: a user who is no member; limited, guest, developer, maintainer, owner (project admin): members with
# this role; admin: the system administrator. robot: one of the project, with all permissions it can have, or (bare)
# with next to none; system robot: the same of the registry, in all projects.`;

/** HEAD has a row only where it is not answered as GET is. */
export function formatTable(columns: string[], rows: Row[]): string {
  const cellsOf = new Map(rows.map(({ request, cells }) => [request, cells.join()]));
  const shown = rows.filter(
    ({ request, cells }) =>
      !request.startsWith('HEAD ') || cellsOf.get(request.replace('HEAD', 'GET')) !== cells.join(),
  );
  const line = (cells: string[], last: string) =>
    [...cells.map((cell, index) => cell.padEnd(Math.max(7, columns[index]!.length))), last].join(
      '  ',
    );
  return [
    HEADING,
    '',
    line(columns, 'request'),
    ...shown.map(({ request, cells }) => line(cells, request)),
    '',
  ].join('\n');
}
