import { systemClock } from '../../system/system-clock.ts';
import { systemRandom } from '../../system/system-random.ts';
import { serveReader } from '../file-access/reader-child.ts';
import { openReadOnly } from '../sqlite/connection.ts';

/** Entry of the child process that lets SQLite check a restored file: it can be ended while it works. */

serveReader(process, {
  check({ path, depth }: { path: string; depth: 'quick' | 'full' }) {
    const connection = openReadOnly(path, { clock: systemClock, random: systemRandom });
    try {
      const rows = connection.pragma(depth === 'quick' ? 'quick_check(20)' : 'integrity_check(20)');
      const messages = rows.map((row) => String(Object.values(row)[0]));
      return messages.length === 1 && messages[0] === 'ok' ? [] : messages;
    } finally {
      connection.close();
    }
  },
});
