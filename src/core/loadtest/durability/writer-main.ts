import { openSync } from 'node:fs';
import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { errorMessage } from '../child/error-message.ts';
import type { FromWriter, WriterSetup } from './protocol.ts';
import { writeUntilKilled } from './writer.ts';

// Entry of a writer that is going to be killed. Acknowledgements go to stdout, or to a file when a log is kept.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
process.on('disconnect', () => process.exit(1));

const standardOutput = 1;

function send(message: FromWriter): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, () => resolve());
  });
}

process.once('message', async (setup: WriterSetup) => {
  try {
    const output = setup.acknowledgements === undefined ? standardOutput : openSync(setup.acknowledgements, 'a');
    await send({ type: 'writing' });
    writeUntilKilled(setup, output, { clock: systemClock, random: systemRandom });
    await send({ type: 'written' });
  } catch (error) {
    await send(errorMessage(error));
  }
});
