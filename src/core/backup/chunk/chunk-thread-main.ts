import { parentPort } from 'node:worker_threads';
import { toErrorData } from '../../file-access/reader-protocol.ts';
import { checkChunk, OutputFiles } from './check-chunk.ts';
import type { ChunkTask } from './chunk-task.ts';

/** Entry of a thread that checks and writes chunks. */

const files = new OutputFiles();

parentPort?.on('message', (message: ChunkTask | 'close') => {
  if (message === 'close') {
    files.close();
    parentPort?.close();
    return;
  }
  try {
    parentPort?.postMessage({ value: checkChunk(message, files) });
  } catch (error) {
    parentPort?.postMessage({ error: toErrorData(error, message.content?.writeTo ?? 'the backup') });
  }
});
