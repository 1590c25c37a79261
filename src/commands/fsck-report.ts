import {
  KINDS,
  type Figures,
  type Finding,
  type FindingKind,
  type FsckOptions,
} from '../features/fsck/index.ts';
import { formatBytes } from '../lib/format-bytes.ts';

/** Of each kind a person is shown so many; the rest is counted. */
const MOST_SHOWN = 20;
const MOST_IMAGES = 5;

export interface Outcome {
  options: FsckOptions;
  /** Nothing was found, and a hold of a restore ended. */
  isReleased?: boolean;
  /** Why it ended early. */
  failure?: string;
}

export interface Report {
  found: (finding: Finding) => void;
  end: (figures: Figures, outcome: Outcome) => void;
}

export const createReport = (isJson: boolean): Report => (isJson ? jsonLines() : forPeople());

/** A line for each finding as it is found, so that no number of them fills the memory. */
function jsonLines(): Report {
  const write = (line: object) => console.log(JSON.stringify(line));
  return {
    found({ kind, digest, location, sizeBytes, note, affected, isRepaired }) {
      const { images, total } = affected ?? { images: undefined, total: undefined };
      write({
        type: 'finding',
        kind,
        digest,
        location,
        size_bytes: sizeBytes,
        note,
        repaired: isRepaired,
        affected: images,
        affected_total: total,
      });
    },
    end(figures, { isReleased = false, failure }) {
      write({
        type: 'summary',
        complete: failure === undefined,
        failure,
        ...figures,
        hold_released: isReleased,
      });
    },
  };
}

interface Group {
  count: number;
  bytes: number;
  repaired: number;
  shown: Finding[];
}

/** The summary first, then what was found, by kinds. */
function forPeople(): Report {
  const groups = new Map<FindingKind, Group>();
  return {
    found(finding) {
      const group = groups.get(finding.kind) ?? { count: 0, bytes: 0, repaired: 0, shown: [] };
      groups.set(finding.kind, group);
      group.count += 1;
      group.bytes += finding.sizeBytes ?? 0;
      if (finding.isRepaired) group.repaired += 1;
      if (group.shown.length < MOST_SHOWN) group.shown.push(finding);
    },
    end(figures, outcome) {
      for (const line of describeFigures(figures, outcome)) console.log(line);
      for (const [kind, group] of groups) {
        for (const line of describeGroup(kind, group)) console.log(line);
      }
      for (const line of describeEnd(figures, outcome)) console.log(line);
    },
  };
}

function describeFigures(figures: Figures, { options }: Outcome): string[] {
  const { blobs, blob_bytes, pieces, piece_bytes, uploads, young_pieces } = figures;
  const { verified_blobs, verified_bytes, verified_manifests } = figures;
  return [
    `Blobs in the database: ${blobs} (${formatBytes(blob_bytes)})`,
    `Pieces in the store:   ${pieces} (${formatBytes(piece_bytes)}); ${young_pieces} of them too new to say`,
    `Uploads under way:     ${uploads}`,
    ...(options.verify
      ? [
          `Verified:              ${verified_manifests} manifests, ${verified_blobs} blobs (${formatBytes(verified_bytes)} read)`,
        ]
      : []),
  ];
}

function describeGroup(kind: FindingKind, { count, bytes, repaired, shown }: Group): string[] {
  const { title, advice } = KINDS[kind];
  const size = bytes > 0 ? ` (${formatBytes(bytes)})` : '';
  const state = repaired === 0 ? '' : `; ${repaired === count ? 'all' : repaired} repaired`;
  const hidden = count - shown.length;
  return [
    '',
    `${title}: ${count}${size}${state}`,
    ...shown.flatMap(describeFinding),
    ...(hidden > 0 ? [`  and ${hidden} more; --json lists all`] : []),
    `  What to do: ${advice}`,
  ];
}

function describeFinding({ digest, location, note, affected }: Finding): string[] {
  const parts = [digest, location && `at ${location}`, note].filter((part) => part !== undefined);
  if (affected === undefined) return [`  ${parts.join(', ')}`];
  const images = affected.images
    .slice(0, MOST_IMAGES)
    .flatMap(({ repository, digest: image, tags }) =>
      tags.length === 0
        ? [`${repository}@${image}`]
        : tags.slice(0, MOST_IMAGES).map((tag) => `${repository}:${tag}`),
    );
  const hidden = affected.total - Math.min(affected.images.length, MOST_IMAGES);
  const others = hidden > 0 ? ` and ${hidden} more` : '';
  return [
    `  ${parts.join(', ')}`,
    `    ${images.length === 0 ? 'no image that can be pulled has it' : `in ${images.join(', ')}${others}`}`,
  ];
}

function describeEnd(figures: Figures, { failure, isReleased, options }: Outcome): string[] {
  if (failure !== undefined) {
    const { verified_up_to } = figures;
    const next = `To verify the rest: roadstead fsck --verify --after ${verified_up_to}`;
    return ['', `Not complete: ${failure}.`, ...(verified_up_to > 0 ? [next] : [])];
  }
  const isHeld = isReleased === true;
  return [
    '',
    describeResult(figures, options),
    ...(isHeld ? ['Garbage collection, held since a restore, goes on.'] : []),
  ];
}

function describeResult({ findings, repaired }: Figures, { repair }: FsckOptions): string {
  if (findings === 0) return 'Clean: the database and its store agree.';
  if (!repair) return `${findings} found. Nothing was changed: --repair does what is said above.`;
  const next = repaired === findings ? ' Run fsck again to see that nothing is left.' : '';
  return `${findings} found, ${repaired} repaired.${next}`;
}
