const UNITS: Record<string, number> = {
  '': 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
};
const SIZE = /^(\d+(?:\.\d+)?) ?([kmg]i?|)b?$/i;

/** What a person wrote as a number of bytes: `50MB`, `1.5 GiB`, `4096`. Undefined: it is none. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = SIZE.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * UNITS[unit?.toLowerCase() ?? '']!);
  return bytes > 0 ? bytes : undefined;
}
