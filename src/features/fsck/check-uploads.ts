import { giveUpUpload } from '../distribution/index.ts';
import type { Check } from './check.ts';
import { isUnchanged, listRestingUploads, type UploadRow } from './store/uploads.ts';

const BATCH = 64;
const FIRST = '00000000-0000-0000-0000-000000000000';

/** Looks whether the bytes of uploads that wait for their clients are there. */
export async function checkUploads(check: Check): Promise<void> {
  const { db, figures, signal } = check;
  for (let after = FIRST; ;) {
    signal.throwIfAborted();
    check.progress({ what: 'looking at uploads', done: figures.uploads, total: 0 });
    const uploads = await listRestingUploads(db, { after, limit: BATCH });
    if (uploads.length === 0) return;
    after = uploads.at(-1)!.id;
    figures.uploads += uploads.length;
    const broken = await Promise.all(uploads.map((upload) => isBroken(check, upload)));
    for (const [index, upload] of uploads.entries()) {
      if (broken[index]!) await report(check, upload);
    }
  }
}

async function isBroken({ db, storage }: Check, upload: UploadRow): Promise<boolean> {
  const { location, offset_bytes, storage_state } = upload;
  const checkpoint = { sizeBytes: offset_bytes, state: storage_state };
  if (await storage.holds(location, checkpoint)) return false;
  // The row last: as long as it says the same, its bytes have to be there.
  return isUnchanged(db, upload);
}

async function report({ db, options, found }: Check, upload: UploadRow): Promise<void> {
  const { id, fence, repository, location, offset_bytes } = upload;
  const isRepaired = options.repair && (await giveUpUpload(db, { id, fence }));
  const note = `an upload to ${repository}`;
  found({ kind: 'upload-bytes', location, sizeBytes: offset_bytes, note, isRepaired });
}
