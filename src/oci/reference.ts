import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { Digest } from './digest.ts';
import { parseDigest } from './digest.ts';

export interface RepositoryName {
  /** The whole name, `team/tools/app`. */
  name: string;
  /** Its first segment, `team`. */
  project: string;
  /** The rest, `tools/app`. */
  path: string;
}

/** What may stand behind `/manifests/`. */
export type Reference = { digest: Digest; tag?: undefined } | { digest?: undefined; tag: string };

const MAX_NAME_LENGTH = 255;

// OCI 1.1 §pulling-manifests. A segment ends where its alphabet ends, so matching takes linear time.
const NAME = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

export function findRepositoryName(text: string): RepositoryName | undefined {
  if (text.length > MAX_NAME_LENGTH || !NAME.test(text)) return undefined;
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  return { name: text, project: text.slice(0, slash), path: text.slice(slash + 1) };
}

export function parseRepositoryName(text: string): RepositoryName {
  const name = findRepositoryName(text);
  if (name) return name;
  throw new Refusal('NAME_INVALID', `repository name ${quote(text)} ${whatIsWrong(text)}`);
}

export function parseTag(text: string): string {
  if (TAG.test(text)) return text;
  throw new Refusal(
    'TAG_INVALID',
    `${quote(text)} is not a tag: 1 to 128 letters, digits, "_", "." and "-", ` +
      'and neither "." nor "-" first',
  );
}

/** A text with a colon can only be meant as a digest: no tag has one. */
export function parseReference(text: string): Reference {
  return text.includes(':') ? { digest: parseDigest(text) } : { tag: parseTag(text) };
}

function whatIsWrong(text: string): string {
  if (text.length > MAX_NAME_LENGTH) return `is longer than ${MAX_NAME_LENGTH} characters`;
  if (NAME.test(text)) return `needs a project before it, such as library/${text}`;
  if (/[A-Z]/.test(text)) return 'must be lower case';
  return (
    'must be segments parted by "/", each of a-z and 0-9 with ".", "_", "__" or dashes ' +
    'between them'
  );
}
