/** What a spreadsheet would take for a formula (OWASP: CSV injection): it is shown as text behind an apostrophe. */
const FORMULA = /^[=+\-@\t\r\n]/;

/** A line of CSV (RFC 4180) that is safe to open in a spreadsheet. */
export function toCsvLine(cells: (string | number)[]): string {
  return `${cells.map(toCell).join(',')}\r\n`;
}

function toCell(value: string | number): string {
  const text = String(value);
  const shown = FORMULA.test(text) ? `'${text}` : text;
  return `"${shown.replaceAll('"', '""')}"`;
}
