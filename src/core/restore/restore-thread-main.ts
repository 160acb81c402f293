import { parentPort } from 'node:worker_threads';
import { checkChunk, OutputFiles } from '../backup/chunk/check-chunk.ts';
import type { ChunkTask } from '../backup/chunk/chunk-task.ts';
import { toErrorData } from '../file-access/reader-protocol.ts';
import { type SegmentTask, writeSegment } from './segment-writing.ts';

/** Entry of a thread that checks and writes chunks of backups and segments of the archive. */

const files = new OutputFiles();

parentPort?.on('message', (message: ChunkTask | SegmentTask | 'close') => {
  if (message === 'close') {
    files.close();
    parentPort?.close();
    return;
  }
  const file = 'rank' in message ? message.file : (message.content?.writeTo ?? 'the backup');
  try {
    const value = 'rank' in message ? writeSegment(message, files) : checkChunk(message, files);
    parentPort?.postMessage({ value });
  } catch (error) {
    parentPort?.postMessage({ error: toErrorData(error, file) });
  }
});
