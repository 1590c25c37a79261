import { Refusal } from '../../lib/errors.ts';

/** What is not seen, or seen as a blank: controls, formats, surrogates, separators, fillers, the blank of Braille. */
const UNSEEN = /\p{C}|(?! )\p{Z}|\p{Default_Ignorable_Code_Point}|\u2800/u;

/** Passes when nobody can take the name for that of another: logs and history name users by it. */
export function requireDistinctName(username: string): void {
  if (username.toLowerCase() === 'anonymous') {
    throw new Refusal('BAD_REQUEST', 'bad request: anonymous is who has not signed in');
  }
  const isDistinct =
    !UNSEEN.test(username) &&
    !/^ | {2}| $/.test(username) &&
    username === username.normalize('NFC');
  if (isDistinct) return;
  throw new Refusal(
    'BAD_REQUEST',
    'bad request: a user name is made of characters that can be seen, with single blanks between them, in Unicode’s composed form (NFC)',
  );
}
