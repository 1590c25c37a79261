import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import Type, { type Static } from 'typebox';
import Value from 'typebox/value';

import type { Config } from '../../platform/config/index.ts';
import { DamagedError, StoredFile } from './stored-file.ts';

const FORMAT = 1;
const FILE = 'manifest.json';

const Count = Type.Integer({ minimum: 0 });

/** What a backup says of itself. See docs/decisions. */
const Schema = Type.Object({
  format: Type.Literal(FORMAT),
  name: Type.String(),
  /** Of which registry; older ones have no name. */
  registry: Type.Optional(Type.String()),
  program: Type.String(),
  postgres: Type.String(),
  /** The moment that it shows, by PostgreSQL's clock. */
  made_at: Type.String(),
  snapshot: Type.String(),
  took_seconds: Type.Number(),
  migrations: Type.Array(Type.Object({ name: Type.String(), checksum: Type.String() })),
  tables: Type.Array(
    Type.Object({
      name: Type.String(),
      columns: Type.Array(Type.String()),
      rows: Count,
      file: StoredFile,
    }),
  ),
  sequences: Type.Array(Type.Object({ name: Type.String(), value: Type.Integer() })),
  partitions: Type.Array(
    Type.Object({ table: Type.String(), name: Type.String(), bounds: Type.String() }),
  ),
  /** Sealed with the secret key of the registry, in base64: tells whether another key is the same. */
  secret_check: Type.Optional(Type.String()),
  blobs: Type.Object({
    /** Whether their bytes are in the folder, or only their names. */
    content: Type.Enum(['copied', 'listed']),
    /** Where the registry had them. */
    store: Type.Enum(['folder', 's3']),
    count: Count,
    bytes: Count,
    list: StoredFile,
    new_count: Count,
    new_bytes: Count,
    /** Those that could not be read. */
    missing: Type.Array(Type.Object({ digest: Type.String(), reason: Type.String() })),
  }),
});

export type Manifest = Static<typeof Schema>;

/** What sort of store a registry has its blobs in. */
export const storeOf = ({ s3 }: Pick<Config, 's3'>): Manifest['blobs']['store'] =>
  s3.bucket === undefined ? 'folder' : 's3';

/** Written last; beside it its digest, as sha256sum writes and checks it. */
export async function writeManifest(folder: string, manifest: Omit<Manifest, 'format'>) {
  const text = `${JSON.stringify({ format: FORMAT, ...manifest }, null, 2)}\n`;
  const options = { mode: 0o600, flag: 'wx', flush: true } as const;
  await writeFile(join(folder, `${FILE}.sha256`), `${sha256(text)}  ${FILE}\n`, options);
  await writeFile(join(folder, FILE), text, options);
}

export async function readManifest(folder: string): Promise<Manifest> {
  const [text, digest] = await Promise.all([
    readFile(join(folder, FILE), 'utf8'),
    readFile(join(folder, `${FILE}.sha256`), 'utf8'),
  ]).catch((cause: unknown) => {
    throw new DamagedError(`${folder} is damaged: ${(cause as Error).message}`, { cause });
  });
  if (digest.split(' ')[0] !== sha256(text)) {
    throw new DamagedError(
      `${join(folder, FILE)} is damaged: it has another digest than when it was written`,
    );
  }
  const manifest = JSON.parse(text) as { format: unknown };
  if (manifest.format !== FORMAT) {
    throw new Error(
      `${folder} has the format ${String(manifest.format)}, this program knows ${FORMAT}: use another version of roadstead`,
    );
  }
  return Value.Parse(Schema, manifest);
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
