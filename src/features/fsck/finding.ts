import type { Digest } from '../../oci/digest.ts';

/** An image, or an index, that can't be had as it was pushed. */
export interface AffectedImage {
  repository: string;
  digest: Digest;
  tags: string[];
}

export interface Finding {
  kind: FindingKind;
  /** Of the blob or manifest. */
  digest?: Digest;
  /** Where the bytes are, or should be, in the store. */
  location?: string;
  sizeBytes?: number;
  /** What it is about, and what was found, for a person. */
  note?: string;
  /** The first of them, and how many there are. */
  affected?: { images: AffectedImage[]; total: number };
  isRepaired: boolean;
}

const PUSH_AGAIN =
  'Push the images again from where they were built, or put the files back from a backup';

/** What is found, and what a person does about it. */
export const KINDS = {
  'blob-missing': {
    title: 'Blobs whose bytes are not in the store',
    advice: `${PUSH_AGAIN}. Until --repair has taken the blobs out of service a push does not send them: the registry says that it has them.`,
  },
  'blob-size': {
    title: 'Blobs whose bytes have another size',
    advice: `${PUSH_AGAIN}. Until --repair has taken the blobs out of service a push does not send them: the registry says that it has them.`,
  },
  'blob-digest': {
    title: 'Blobs whose bytes have another digest',
    advice: `${PUSH_AGAIN}, and look for the reason: a disk, memory or controller that fails. Until --repair has taken the blobs out of service a push does not send them.`,
  },
  'blob-unreadable': {
    title: 'Blobs whose bytes can not be read',
    advice:
      'Look at the disk and the rights of the files. --repair changes nothing here. If the bytes are lost for good remove the file: then the blob counts as missing.',
  },
  'blob-out-of-service': {
    title: 'Blobs that are out of service since an earlier --repair',
    advice: `${PUSH_AGAIN}: a push heals them by itself; after a backup was put back run fsck --verify --repair.`,
  },
  'blob-recovered': {
    title: 'Blobs that are out of service though their bytes are right',
    advice: '--verify --repair puts them back into service.',
  },
  'upload-bytes': {
    title: 'Uploads that can not be gone on with, since bytes of them are gone',
    advice: '--repair gives them up, and their clients start anew.',
  },
  orphan: {
    title: 'Pieces of the store that nothing refers to',
    advice:
      'A crash leaves them, or a database that is older than its store. --repair lists them for removal after gc.hold_seconds.',
  },
  'foreign-file': {
    title: 'Files in the store that Roadstead did not make',
    advice: 'They are never touched. Look at them, and remove them by hand.',
  },
  'manifest-bytes': {
    title: 'Manifests whose bytes are damaged',
    advice:
      'Push the images again. --repair takes the bytes from another repository that has the manifest; where there is none it takes the manifest out of service until it is pushed.',
  },
  'manifest-out-of-service': {
    title: 'Manifests that are out of service since an earlier --repair',
    advice: 'Push the images again: that heals them.',
  },
  'manifest-references': {
    title: 'Manifests whose rows do not say what their bytes refer to',
    advice:
      'Garbage collection could take what they need. --repair writes the rows anew; blobs that are gone by now have to be pushed again.',
  },
  'tag-target': {
    title: 'Tags that point to an artifact that is not there',
    advice:
      'Restore the artifact from the trash, push the tag again, or delete it. --repair does it where the artifact was pushed again.',
  },
  'blob-forgotten': {
    title: 'Blobs that nothing uses and that garbage collection does not look at',
    advice: '--repair makes it look at them.',
  },
  'deletion-of-used': {
    title: 'Blobs that are listed for removal though they are in use',
    advice: 'Run --repair soon: it takes them off the list.',
  },
  'repository-hidden': {
    title: 'Repositories that hold artifacts and are not shown',
    advice: '--repair shows them.',
  },
  'project-usage': {
    title: 'Projects whose usage is not what they hold',
    advice: '--repair counts anew; so does quota check --fix.',
  },
  'row-mismatch': {
    title: 'Rows that contradict each other',
    advice: 'A fault of Roadstead, or of the database: please report it. Nothing is repaired.',
  },
} as const;

export type FindingKind = keyof typeof KINDS;
