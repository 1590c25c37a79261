/** Tables that a backup does without, and why. All others are in it. */
const LEFT_OUT: Record<string, string> = {
  upload: 'a blob that is half there: its client starts anew',
  blob_deletion:
    'bytes of the store that are no blob any more; a restored registry has other places',
  collection_hold: 'is of the store that it was taken for',
  signing_key: 'tokens that were signed after the backup may name what comes to be something else',
  session: 'whoever was signed in does it again',
  unfinished_restore: 'is of the database that it is in',
  unrestored_blob: 'is of the database that it is in',
};

export const isLeftOut = (table: string): boolean => Object.hasOwn(LEFT_OUT, table);
