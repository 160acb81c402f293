import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { verifyDatabase } from '../verification.ts';
import { errorMessage } from './error-message.ts';
import type { FromVerify, VerifyRequest } from './protocol.ts';

// Entry of the process that checks a file after the load.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

function send(message: FromVerify): void {
  if (process.send === undefined) return;
  process.send(message, () => process.disconnect?.());
}

process.once('message', (request: VerifyRequest) => {
  verifyDatabase(request, { clock: systemClock, random: systemRandom })
    .then((verification) => send({ type: 'verified', ...verification }))
    .catch((error: unknown) => send(errorMessage(error)));
});
