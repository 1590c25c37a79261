import { clients, findClient } from '../../../scripts/clients/catalogue.ts';
import { imagesAreMade } from '../../../scripts/clients/make-images.ts';

/** Options for a test that needs these clients, or `images`. On a person's machine a missing one is
 * named as skipped; in CI the test runs, and fails. */
export function needs(...names: string[]): { skip: string | false; timeout: number } {
  return { skip: process.env.CI === 'true' ? false : whyNot(names), timeout: 10 * 60_000 };
}

function whyNot(all: string[]): string | false {
  const names = all.filter((name) => name !== 'images');
  const absent = names.find((name) => findClient(clientNamed(name)) === undefined);
  if (absent !== undefined) return `${absent} is not installed`;
  const isRoot = process.getuid?.() === 0;
  const forRoot = names.find((name) => clientNamed(name).needsRoot === true);
  if (!isRoot && forRoot !== undefined) return `${forRoot} needs root`;
  if (names.length === all.length || imagesAreMade()) return false;
  return 'the test images are not made';
}

export function pathOf(name: string): string {
  const path = findClient(clientNamed(name));
  if (path === undefined) {
    throw new Error(`${name} is not installed; scripts/clients/install.ts gets it`);
  }
  return path;
}

function clientNamed(name: string) {
  const client = clients.find((candidate) => candidate.name === name);
  if (client === undefined) throw new Error(`scripts/clients/catalogue.ts does not list ${name}`);
  return client;
}
