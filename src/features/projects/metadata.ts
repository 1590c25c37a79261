import Type, { type Static } from 'typebox';

import { Refusal } from '../../lib/errors.ts';

/** The text that a key holds when it is set to `text`; undefined: it can't be set to that. */
type Reader = (text: string) => string | undefined;

const FLAGS: Record<string, string> = {
  true: 'true',
  t: 'true',
  1: 'true',
  false: 'false',
  f: 'false',
  0: 'false',
};
const flag: Reader = (text) => FLAGS[text.toLowerCase()];

const oneOf =
  (...values: string[]): Reader =>
  (text) =>
    values.find((value) => value === text.toLowerCase());

const integer =
  (isAllowed: (value: number) => boolean): Reader =>
  (text) => {
    const value = Number(text);
    const isInteger = /^-?\d{1,10}$/.test(text) && Math.abs(value) < 2 ** 31;
    return isInteger && isAllowed(value) ? String(value) : undefined;
  };

const severity = oneOf('none', 'low', 'medium', 'high', 'critical');

/** What can be set, with what it may be. `retention_id` can't: it belongs to the retention policy. */
const READERS = {
  public: flag,
  enable_content_trust: flag,
  enable_content_trust_cosign: flag,
  prevent_vul: flag,
  severity: (text) => (text.toLowerCase() === 'negligible' ? 'none' : severity(text)),
  auto_scan: flag,
  auto_sbom_generation: flag,
  reuse_sys_cve_allowlist: flag,
  proxy_speed_kb: integer(() => true),
  max_upstream_conn: integer((value) => value === -1 || value > 0),
  proxy_cache_filter_pattern: (text) => (text.length <= 1024 ? text : undefined),
  proxy_cache_filter_kind: oneOf('doublestar', 'regex'),
  proxy_cache_local_on_not_found: flag,
  proxy_referrer_api: flag,
  trash_days: integer((value) => value >= 0 && value <= 9999),
  read_only: flag,
} satisfies Record<string, Reader>;

type Key = keyof typeof READERS;

const Text = Type.Union([Type.String({ maxLength: 1024 }), Type.Null()]);
const KEYS = [...Object.keys(READERS), 'retention_id'] as (Key | 'retention_id')[];

/** As clients send and see it. Null and the empty text unset a key, as if it was never set. */
export const Metadata = Type.Object(
  Object.fromEntries(KEYS.map((key) => [key, Type.Optional(Text)])) as Record<
    Key | 'retention_id',
    ReturnType<typeof Type.Optional<typeof Text>>
  >,
  { additionalProperties: false },
);
export const MetadataReply = Type.Object(
  Object.fromEntries(KEYS.map((key) => [key, Type.Optional(Type.String())])),
);

export const isMetadataKey = (key: string): boolean => KEYS.includes(key as Key);

/** Metadata as the row of a project has it. */
export interface StoredMetadata {
  is_public: boolean;
  is_read_only: boolean;
  /** How long what is deleted in it stays in the trash; null: as the configuration says. */
  trash_days: number | null;
  /** All else. */
  metadata: Record<string, string>;
}

/** All that is set, by key. */
export function showMetadata(stored: StoredMetadata): Record<string, string> {
  return {
    public: String(stored.is_public),
    ...stored.metadata,
    ...(stored.trash_days === null ? {} : { trash_days: String(stored.trash_days) }),
    ...(stored.is_read_only ? { read_only: 'true' } : {}),
  };
}

/** What becomes of `stored` when `given` is set. Keys left out stay as they are. */
export function applyMetadata(
  stored: StoredMetadata,
  given: Static<typeof Metadata>,
): StoredMetadata {
  const { retention_id, ...others } = given;
  if ((retention_id ?? '') !== '' && retention_id !== stored.metadata.retention_id) {
    throw new Refusal(
      'BAD_REQUEST',
      'bad request: retention_id is set with the retention policy of the project; leave it out',
    );
  }
  const all = new Map(Object.entries(showMetadata(stored)));
  for (const [key, text] of Object.entries(others)) {
    const value = readValue(key as Key, text ?? '');
    if (value !== undefined) all.set(key, value);
    else if (key !== 'public') all.delete(key);
  }
  const { public: isPublic, read_only, trash_days, ...metadata } = Object.fromEntries(all);
  return {
    is_public: isPublic === 'true',
    is_read_only: read_only === 'true',
    trash_days: trash_days === undefined ? null : Number(trash_days),
    metadata,
  };
}

/** Undefined: it is unset. */
function readValue(key: Key, text: string): string | undefined {
  const isUnset = text === '' || (key === 'trash_days' && text === 'default');
  if (isUnset) return undefined;
  const value = READERS[key](text);
  if (value !== undefined) return value;
  throw new Refusal('BAD_REQUEST', `bad request: metadata.${key} can't be ${JSON.stringify(text)}`);
}
