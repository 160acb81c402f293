import { TradedbError } from '../../error.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import type { ConnectionSettings } from '../../sqlite/connection-settings.ts';
import { normalProfile } from '../../sqlite/pragma-profile.ts';
import { isBusy } from '../../sqlite/translate-error.ts';
import { checkpointOnce } from '../checkpoint/wal-backlog.ts';
import { autoVacuumName } from '../space.ts';

/** Plain VACUUM: every writer waits for its whole length. Waits for the write lock up to the busy timeout. */
export function rewriteInPlace(
  database: string,
  convertTo: 'incremental' | 'full' | undefined,
  settings: ConnectionSettings,
): void {
  const connection = openReadWrite(database, { ...normalProfile, foreignKeys: false }, settings);
  try {
    if (convertTo !== undefined) connection.pragma(`auto_vacuum = ${convertTo}`);
    vacuum(connection, settings);
    const found = autoVacuumName(Number(connection.pragmaValue('auto_vacuum')));
    if (convertTo !== undefined && found !== convertTo) {
      throw new TradedbError('unsupported', `auto_vacuum stayed ${found} although the file was rewritten`);
    }
    checkpointOnce(connection, 'passive');
  } finally {
    connection.close();
  }
}

function vacuum(connection: ReturnType<typeof openReadWrite>, settings: ConnectionSettings): void {
  const { clock, random, busyTimeoutMs = 5000 } = settings;
  const started = clock.now();
  for (;;) {
    try {
      connection.exec('VACUUM');
      return;
    } catch (error) {
      if (!isBusy(error) || clock.now() - started >= busyTimeoutMs) throw error;
      clock.sleepSync(1 + random.next() * 10);
    }
  }
}
