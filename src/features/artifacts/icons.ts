import { digestOf, type Digest } from '../../oci/digest.ts';

export interface Icon {
  contentType: string;
  content: Buffer;
}

/** What every icon of our own is drawn in: 48 by 48, in one color that is seen on light and dark. */
const draw = (shapes: string): Icon => ({
  contentType: 'image/svg+xml',
  content: Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" width="48" height="48" fill="none" stroke="#4a7fb5" stroke-width="3" stroke-linejoin="round" stroke-linecap="round">${shapes}</svg>`,
  ),
});

const BOX = '<path d="M24 5 41 14v20l-17 9-17-9V14z"/><path d="m7 14 17 9 17-9M24 23v20"/>';
const SHEET = '<path d="M11 5h18l8 8v30H11zM29 5v8h8"/>';
const SEAL =
  '<circle cx="24" cy="18" r="12"/><path d="m18 18 4 4 8-8M17 29l-3 14 10-5 10 5-3-14"/>';

const DEFAULT = draw(BOX);

/** By the type of an artifact or accessory. */
const DRAWN: Readonly<Record<string, Icon>> = {
  IMAGE: draw('<path d="m24 6 18 9-18 9L6 15z"/><path d="m6 24 18 9 18-9M6 33l18 9 18-9"/>'),
  CHART: draw(
    '<circle cx="24" cy="24" r="6"/><circle cx="24" cy="24" r="14"/><path d="M24 4v6M24 38v6M4 24h6M38 24h6M10 10l4 4M34 34l4 4M10 38l4-4M34 14l4-4"/>',
  ),
  CNAB: draw(`${BOX}<path d="m15 10 17 9v7"/>`),
  WASM: draw(
    '<path d="M6 6h12a6 6 0 0 0 12 0h12v36H6z"/><path d="m13 22 3 13 4-10 4 10 3-13M31 35l4-13 4 13"/>',
  ),
  CNAI: draw(
    '<circle cx="24" cy="10" r="4"/><circle cx="10" cy="36" r="4"/><circle cx="38" cy="36" r="4"/><circle cx="24" cy="26" r="4"/><path d="M24 14v8M21 29l-8 5M27 29l8 5"/>',
  ),
  SBOM: draw(`${SHEET}<path d="M17 21h2M24 21h8M17 28h2M24 28h8M17 35h2M24 35h8"/>`),
  'sbom.harbor': draw(`${SHEET}<path d="M17 21h2M24 21h8M17 28h2M24 28h8"/>`),
  'signature.cosign': draw(SEAL),
  'signature.notation': draw(`${SHEET}<path d="m16 34 6-6 4 4 6-8"/>`),
  'accelerator.nydus': draw('<path d="M27 4 10 28h12l-3 16 19-25H25z"/>'),
};

const DIGESTS = new Map(
  Object.entries(DRAWN).map(([type, { content }]) => [type, digestOf(content)] as const),
);
const DEFAULT_DIGEST = digestOf(DEFAULT.content);
const BY_DIGEST = new Map<string, Icon>([
  [DEFAULT_DIGEST, DEFAULT],
  ...Object.entries(DRAWN).map(([type, icon]) => [DIGESTS.get(type)!, icon] as const),
]);

/** The digest by which the icon of a type is asked for. */
export function iconOf(type: string): Digest {
  return DIGESTS.get(type) ?? DEFAULT_DIGEST;
}

/** One of our own icons. */
export function findDrawnIcon(digest: string): Icon | undefined {
  return BY_DIGEST.get(digest);
}

/** Of an icon that an artifact brings along. */
export const MOST_ICON_BYTES = 1024 * 1024;

const IMAGE_TYPES: [first: string, type: string][] = [
  ['89504e470d0a1a0a', 'image/png'],
  ['ffd8ff', 'image/jpeg'],
  ['474946383761', 'image/gif'],
  ['474946383961', 'image/gif'],
];

/** By its first bytes. Nothing else is shown: an SVG may hold a program. */
export function detectImageType(bytes: Buffer): string | undefined {
  const first = bytes.toString('hex', 0, 8);
  return IMAGE_TYPES.find(([start]) => first.startsWith(start))?.[1];
}
