import type { Case } from './case.ts';
import { largeBlobCases } from './large-blobs.ts';
import { listCases } from './lists.ts';
import { lastCases, tokenCases } from './ours.ts';
import { pushCases } from './push.ts';
import { smallReadCases } from './small-reads.ts';

/** In the order in which they are measured. */
export const cases: readonly Case[] = [
  ...smallReadCases,
  ...largeBlobCases,
  ...pushCases,
  ...listCases,
  ...tokenCases,
  ...lastCases,
];
