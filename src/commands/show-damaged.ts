/** Of a backup that lacks blobs, and of one that is damaged. */
const INCOMPLETE = 3;

/** Names blobs on standard error and answers the exit code. */
export function showDamaged(what: string, blobs: { digest: string; reason: string }[]): number {
  if (blobs.length === 0) return 0;
  console.error(`${blobs.length} ${blobs.length === 1 ? 'blob' : 'blobs'} ${what}:`);
  for (const { digest, reason } of blobs) console.error(`  ${digest}: ${reason}`);
  return INCOMPLETE;
}
