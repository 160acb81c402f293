import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { openReader } from './open-reader.ts';
import type { FromReader, ReaderSettings, ToReader } from './protocol.ts';
import { RequestRunner } from './request-runner.ts';

/** Entry of a background reader thread: one read-only connection, closed before the thread ends. */
if (parentPort !== null) {
  const port = parentPort;
  const open = () => openReader(workerData as ReaderSettings, { clock: systemClock, random: systemRandom });
  const runner = new RequestRunner(open, systemClock, (message: FromReader) => port.postMessage(message));
  port.on('message', (message: ToReader) => {
    if (message.type !== 'close') {
      runner.receive(message);
      return;
    }
    runner.close();
    port.close();
  });
}
