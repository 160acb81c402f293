import { systemClock } from '../../../system/system-clock.ts';
import { systemRandom } from '../../../system/system-random.ts';
import { openReader } from './open-reader.ts';
import type { FromReader, ReaderSettings, ToReader } from './protocol.ts';
import { RequestRunner } from './request-runner.ts';

/** Entry of a reader in a child process, which can be killed in the middle of a statement. It serves one query. */
const settings = JSON.parse(process.argv[2] ?? '{}') as ReaderSettings;
const open = () => openReader(settings, { clock: systemClock, random: systemRandom });
const send = (message: FromReader): void => void process.send?.(message);
const runner = new RequestRunner(open, systemClock, send);
process.on('message', (message: ToReader) => {
  if (message.type === 'close') {
    runner.close();
    process.disconnect?.();
  } else runner.receive(message);
});
// Without its parent nobody reads the rows.
process.on('disconnect', () => process.exit(0));
