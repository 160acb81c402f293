import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { inspectDatabase, prepareBase } from '../base-file.ts';
import { errorMessage } from './error-message.ts';
import type { FromPrepare, InspectRequest, PrepareRequest } from './protocol.ts';

// Entry of the process that makes the base file: the parent itself never opens SQLite on it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

function send(message: FromPrepare): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

const ports = { clock: systemClock, random: systemRandom };

async function answer(request: PrepareRequest | InspectRequest): Promise<FromPrepare> {
  if (request.type === 'inspect') return { type: 'inspected', ...inspectDatabase(request, ports) };
  const onProgress = (done: number, total: number): void => void send({ type: 'progress', done, total });
  return { type: 'prepared', ...(await prepareBase(request, ports, onProgress)) };
}

process.once('message', (request: PrepareRequest | InspectRequest) => {
  answer(request)
    .then(send)
    .catch((error: unknown) => send(errorMessage(error)))
    .then(() => process.disconnect?.());
});
