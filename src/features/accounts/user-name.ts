import { Refusal } from '../../lib/errors.ts';

/** What is not seen, or seen as a blank: controls, formats, surrogates, separators, fillers, the blank of Braille. */
const UNSEEN = /\p{C}|(?! )\p{Z}|\p{Default_Ignorable_Code_Point}|\u2800/u;

/** Passes when nobody can take the name for that of another, or of a robot: logs and history name them by it. */
export function requireDistinctName(username: string, robotPrefix: string): void {
  if (username.toLowerCase() === 'anonymous') {
    throw new Refusal('BAD_REQUEST', 'bad request: anonymous is who has not signed in');
  }
  if (username.toLowerCase().startsWith(robotPrefix.toLowerCase())) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: names that begin with ${robotPrefix} are those of robots (robot_name_prefix)`,
    );
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
