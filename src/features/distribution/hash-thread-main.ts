/** A thread that hashes, so that whoever receives bytes need not. */
import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

import type { FromHashThread, ToHashThread } from './hash-messages.ts';

const hashes = new Map<number, Hash>();

function answer(message: FromHashThread, ...transfer: ArrayBuffer[]): void {
  parentPort!.postMessage(message, transfer);
}

parentPort!.on('message', (message: ToHashThread) => {
  const { id } = message;
  switch (message.type) {
    case 'update': {
      const { algorithm, slab, sizeBytes } = message;
      const hash = hashes.get(id) ?? createHash(algorithm);
      hashes.set(id, hash.update(new Uint8Array(slab, 0, sizeBytes)));
      answer({ slab }, slab);
      break;
    }
    case 'copy':
      hashes.set(id, hashes.get(message.from)!.copy());
      break;
    case 'digest':
      answer({ question: message.question, digest: hashes.get(id)!.copy().digest() });
      break;
    case 'forget':
      hashes.delete(id);
      break;
    default:
      message satisfies never;
  }
});
