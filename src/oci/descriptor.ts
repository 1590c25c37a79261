import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { Digest } from './digest.ts';
import { digestAlgorithm, digestOf, parseDigest } from './digest.ts';
import {
  readArray,
  readMember,
  readObject,
  readText,
  readTexts,
  readTextMap,
} from './json-members.ts';
import { isMediaType } from './media-type.ts';

export interface Platform {
  architecture: string;
  os: string;
  variant?: string;
  'os.version'?: string;
  'os.features'?: string[];
}

/** What a manifest says of a blob or of another manifest. image-spec §descriptor. */
export interface Descriptor {
  mediaType: string;
  digest: Digest;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
  platform?: Platform;
  urls?: string[];
  /** The content itself, already compared with digest and size. */
  data?: Buffer;
}

/** More than any build makes: a manifest of 4 MiB could hold 30 000. */
const MAX_DESCRIPTORS = 10_000;

const MEMBERS = [
  'mediaType',
  'digest',
  'size',
  'artifactType',
  'annotations',
  'platform',
  'urls',
  'data',
] as const;
const PLATFORM_MEMBERS = [
  'architecture',
  'os',
  'os.version',
  'os.features',
  'variant',
  'features',
] as const;

export function readDescriptors(value: unknown, where: string): Descriptor[] {
  const items = readArray(value, where);
  if (items.length > MAX_DESCRIPTORS) {
    throw new Refusal(
      'MANIFEST_INVALID',
      `${where} has ${items.length} entries, more than ${MAX_DESCRIPTORS}`,
    );
  }
  return items.map((item, index) => readDescriptor(item, `${where}[${index}]`));
}

export function readDescriptor(value: unknown, where: string): Descriptor {
  const object = readObject(value, where, MEMBERS);
  const descriptor: Descriptor = {
    mediaType: readMediaType(object.mediaType, `${where}.mediaType`),
    digest: readDigest(object.digest, `${where}.digest`),
    size: readSize(object.size, `${where}.size`),
  };
  readMember(object.artifactType, (given) => {
    if (given !== '') descriptor.artifactType = readMediaType(given, `${where}.artifactType`);
  });
  readMember(object.annotations, (given) => {
    descriptor.annotations = readTextMap(given, `${where}.annotations`);
  });
  readMember(object.platform, (given) => {
    descriptor.platform = readPlatform(given, `${where}.platform`);
  });
  readMember(object.urls, (given) => {
    descriptor.urls = readTexts(given, `${where}.urls`);
  });
  readMember(object.data, (given) => {
    if (given !== '') descriptor.data = readData(given, descriptor, `${where}.data`);
  });
  return descriptor;
}

export function readMediaType(value: unknown, where: string): string {
  const text = readText(value, where);
  if (isMediaType(text)) return text;
  throw new Refusal('MANIFEST_INVALID', `${where}: ${quote(text)} is not a media type`);
}

function readDigest(value: unknown, where: string): Digest {
  const text = readText(value, where);
  try {
    return parseDigest(text);
  } catch (cause) {
    if (!(cause instanceof Refusal)) throw cause;
    throw new Refusal('MANIFEST_INVALID', `${where}: ${cause.message}`, { cause });
  }
}

function readSize(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new Refusal('MANIFEST_INVALID', `${where} must be a number of bytes`);
}

function readPlatform(value: unknown, where: string): Platform {
  const object = readObject(value, where, PLATFORM_MEMBERS);
  const text = (name: (typeof PLATFORM_MEMBERS)[number]) =>
    readText(object[name] ?? '', `${where}.${name}`);
  const platform: Platform = { architecture: text('architecture'), os: text('os') };
  if (text('variant')) platform.variant = text('variant');
  if (text('os.version')) platform['os.version'] = text('os.version');
  readMember(object['os.features'], (given) => {
    platform['os.features'] = readTexts(given, `${where}.os.features`);
  });
  return platform;
}

/** image-spec §descriptor: embedded content must be what digest and size say. */
function readData(value: unknown, { digest, size }: Descriptor, where: string): Buffer {
  const text = readText(value, where);
  const data = Buffer.from(text, 'base64');
  if (data.toString('base64') !== text) {
    throw new Refusal('MANIFEST_INVALID', `${where} must be base64`);
  }
  if (data.length !== size || digestOf(data, digestAlgorithm(digest)) !== digest) {
    throw new Refusal('MANIFEST_INVALID', `${where} is not the content that digest and size name`);
  }
  return data;
}
