import { lockFile, LockedError, type FileLock } from '../../../lib/file-lock.ts';

/** Keeps a second server off a data folder. */
export function takeExclusiveLock(file: string): FileLock {
  try {
    return lockFile(file);
  } catch (cause) {
    const { message } = cause as Error;
    if (cause instanceof LockedError) {
      throw new Error(
        `Another roadstead server${message} is running on this data folder (it holds ${file}). ` +
          'Stop it first, or choose another folder with ROADSTEAD_DATA.',
        { cause },
      );
    }
    throw new Error(
      `The data folder cannot be used by this user (id ${process.getuid!()}): its lock ${file} says ` +
        `"${message}". Start roadstead as the user who owns the folder.`,
      { cause },
    );
  }
}
