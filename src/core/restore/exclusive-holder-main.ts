import { systemClock } from '../../system/system-clock.ts';
import { systemRandom } from '../../system/system-random.ts';
import { serveReader } from '../file-access/reader-child.ts';
import type { ReaderReply } from '../file-access/reader-protocol.ts';
import { type ExclusiveHold, holdExclusively } from '../sqlite/exclusive.ts';

/**
 * Entry of the child process that holds a database for itself while its file is exchanged. It is killed at the end and
 * never closes: closing would delete a `-wal` by its name.
 */

const held: ExclusiveHold[] = [];

const port = {
  send: (message: ReaderReply) => process.send?.(message),
  on: process.on.bind(process),
  // An orderly exit would let the driver close its connections.
  exit: () => process.kill(process.pid, 'SIGKILL') as never,
};

serveReader(port, {
  hold({ path, checkpoint }: { path: string; checkpoint: boolean }) {
    const hold = holdExclusively(path, { clock: systemClock, random: systemRandom, checkpoint });
    held.push(hold);
    return { checkpointed: hold.checkpointed };
  },
});
