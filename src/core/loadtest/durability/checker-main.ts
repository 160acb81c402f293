import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { errorMessage } from '../child/error-message.ts';
import { checkLedger, createLedger } from './checker.ts';
import type { CheckerRequest, FromChecker } from './protocol.ts';

// Entry of the process that makes the books and looks at them after each crash.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(0));

const ports = { clock: systemClock, random: systemRandom };

function answer(request: CheckerRequest): FromChecker {
  if (request.type === 'create') {
    const connection = createLedger(request.path, request.profile, ports);
    return { type: 'created', connection, node: process.version };
  }
  return { type: 'checked', state: checkLedger(request.path, request.writers, ports) };
}

process.on('message', (request: CheckerRequest) => {
  try {
    process.send?.(answer(request));
  } catch (error) {
    process.send?.(errorMessage(error));
  }
});
