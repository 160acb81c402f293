import { parentPort, workerData } from 'node:worker_threads';
import { systemRandom } from '../../../system/system-random.ts';
import { toErrorData } from '../../file-access/reader-protocol.ts';
import { packChunks } from './pack-chunks.ts';
import { slot, type ThreadJob } from './pack-job.ts';

/** Entry of one packing thread. */

const job = workerData as ThreadJob;
try {
  parentPort?.postMessage({ value: packChunks(job, () => systemRandom.bytes(32)) });
} catch (error) {
  Atomics.store(job.state, slot.stop, 1);
  parentPort?.postMessage({ error: toErrorData(error, job.path) });
}
