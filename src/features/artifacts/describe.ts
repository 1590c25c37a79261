import { limitConcurrency } from '../../lib/limit-concurrency.ts';
import type { Platform } from '../../platform/index.ts';
import { readAttributes } from './attributes.ts';
import { detectImageType, MOST_ICON_BYTES } from './icons.ts';
import type { ArtifactRow } from './store/artifact-columns.ts';
import * as store from './store/attributes.ts';

/** A config of more bytes is not read for what it says: it is made by hand, or to do harm. */
const MOST_CONFIG_BYTES = 1024 * 1024;
/** How many are read at a time, by all requests of a process together. */
const AT_ONCE = 4;
/** These have icons of our own. */
const DRAWN_TYPES: ReadonlySet<string> = new Set([
  'IMAGE',
  'CHART',
  'CNAB',
  'WASM',
  'SBOM',
  'CNAI',
]);

type Deps = Pick<Platform, 'db' | 'storage' | 'log'>;

/** What artifacts say of themselves: read from their configs when somebody asks for the first time, and kept. */
export function openDescriber({ db, storage, log }: Deps) {
  const limited = limitConcurrency(AT_ONCE);

  /** The same rows with their attributes, as far as they could be read. */
  return async function describe(rows: ArtifactRow[]): Promise<ArtifactRow[]> {
    const unknown = rows.filter((row) => row.attributes === null && hasConfig(row));
    if (unknown.length === 0) return rows;
    const types = new Map(unknown.map(({ id, type }) => [id, type]));
    const found = await store.findUndescribed(db, [...types.keys()]);
    const read = await Promise.all(
      found.map((one) => limited(() => readDescription(one, types.get(one.id)!))),
    );
    const described = new Map(read.flatMap((one) => (one === undefined ? [] : [[one.id, one]])));
    if (described.size > 0) await store.insertDescriptions(db, [...described.values()]);
    return rows.map((row) => ({ ...row, ...described.get(row.id) }));
  };

  /** Undefined: it can't be read now. */
  async function readDescription(
    artifact: store.Undescribed,
    type: string,
  ): Promise<store.Description | undefined> {
    const { id, config, first_layer, config_bytes, icon_bytes, icon_digest } = artifact;
    if (config === null || config_bytes === null) return undefined;
    try {
      const isSmall = config_bytes.size_bytes <= MOST_CONFIG_BYTES;
      const bytes = isSmall ? await storage.readWhole(config_bytes.location) : undefined;
      const described = { type, config, firstLayer: first_layer ?? undefined };
      const hasIcon = !DRAWN_TYPES.has(type) && icon_bytes !== null && (await isIcon(icon_bytes));
      return {
        id,
        attributes: readAttributes(described, bytes),
        icon: hasIcon ? icon_digest : null,
      };
    } catch (error) {
      log.warn({ err: error, manifest_id: id }, 'config of an artifact not read');
      return undefined;
    }
  }

  async function isIcon({ location, size_bytes }: store.StoredBytes): Promise<boolean> {
    if (size_bytes > MOST_ICON_BYTES) return false;
    return detectImageType(await storage.readWhole(location)) !== undefined;
  }
}

/** Nothing is read for what is neither an image nor, as CNAB has it, an index with a config among what it lists. */
const hasConfig = ({ kind, type }: ArtifactRow): boolean => kind === 'image' || type === 'CNAB';
