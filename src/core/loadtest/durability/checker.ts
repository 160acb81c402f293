import { TradedbError } from '../../error.ts';
import { type ConnectionPorts, createDatabase, openReadWrite } from '../../sqlite/connection.ts';
import { type EffectivePragmas, normalProfile, type PragmaProfile } from '../../sqlite/pragma-profile.ts';
import { durabilityTables, type LedgerState, readLedger } from './ledger.ts';

/** Makes the empty books; the file is closed with nothing in its WAL. */
export function createLedger(path: string, profile: PragmaProfile, ports: ConnectionPorts): EffectivePragmas {
  const connection = createDatabase(path, profile, ports);
  try {
    connection.exec(durabilityTables);
    connection.pragma('wal_checkpoint(TRUNCATE)');
    return connection.effectivePragmas();
  } finally {
    connection.close();
  }
}

/** Opens a file after a crash, which makes SQLite recover it, and reads what is there. Never throws for damage. */
export function checkLedger(path: string, writers: number, ports: ConnectionPorts): LedgerState {
  let opened = false;
  try {
    const connection = openReadWrite(path, normalProfile, ports);
    try {
      opened = true;
      const rows = connection.pragma('quick_check').map((row) => String(Object.values(row)[0]));
      const structure = rows.length === 1 && rows[0] === 'ok' ? [] : rows;
      return { opened, structure, writers: structure.length > 0 ? [] : readLedger(connection, writers) };
    } finally {
      connection.close();
    }
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    return { opened, structure: [error.message], writers: [] };
  }
}
