import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { prepareBase } from '../base-file.ts';
import { errorMessage } from './error-message.ts';
import type { FromPrepare, PrepareRequest } from './protocol.ts';

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

process.once('message', (request: PrepareRequest) => {
  const ports = { clock: systemClock, random: systemRandom };
  prepareBase(request, ports, (done, total) => void send({ type: 'progress', done, total }))
    .then((prepared) => send({ type: 'prepared', ...prepared }))
    .catch((error: unknown) => send(errorMessage(error)))
    .then(() => process.disconnect?.());
});
