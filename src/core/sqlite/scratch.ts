import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TradedbError } from '../error.ts';
import { Connection, type ConnectionSettings } from './connection.ts';
import { openRaw } from './driver.ts';
import { rawHandle } from './raw-handle.ts';
import { translateError } from './translate-error.ts';

/** The name of the file that marks a folder as ours; its text is the id of the owning process. */
export const scratchMarker = '.tradedb-scratch';

const ownFolders = new Set<string>();

/** Makes a private folder (0700) for disposable databases below `parent`, owned by the process `ownerId`. */
export function createScratchFolder(parent: string, ownerId: number): string {
  const folder = realpathSync(mkdtempSync(join(parent, 'tradedb-scratch-')));
  writeFileSync(join(folder, scratchMarker), String(ownerId), { mode: 0o600 });
  ownFolders.add(folder);
  return folder;
}

/** Lets a child process use the scratch folder that its parent made; a folder without our mark is refused. */
export function adoptScratchFolder(folder: string): void {
  if (!existsSync(join(folder, scratchMarker))) {
    throw new TradedbError('usage', `${JSON.stringify(folder)} is no scratch folder of tradedb`);
  }
  ownFolders.add(realpathSync(folder));
}

/** Removes a scratch folder of this process with everything in it. */
export function removeScratchFolder(folder: string): void {
  const real = existsSync(folder) ? realpathSync(folder) : folder;
  if (!ownFolders.delete(real))
    throw new TradedbError('usage', `${JSON.stringify(folder)} is no scratch folder of ours`);
  rmSync(real, { recursive: true, force: true });
}

/**
 * Opens or creates a disposable database inside a scratch folder of this process, with the guards off: no durability,
 * no defensive mode, a schema that can be written. Refuses every other path, links included.
 */
export function openScratch(path: string, settings: ConnectionSettings): Connection {
  const folder = realpathSync(dirname(path));
  const real = join(folder, basename(path));
  if (!ownFolders.has(folder) || (existsSync(real) && realpathSync(real) !== real)) {
    throw new TradedbError('usage', `${JSON.stringify(path)} is not in a scratch folder of this process`, {
      hint: 'scratch databases lose everything on a crash; they are never opened on a file of the user',
    });
  }
  const connection = openUnguarded(real, settings);
  chmodSync(real, 0o600);
  return connection;
}

function openUnguarded(path: string, settings: ConnectionSettings): Connection {
  let connection: Connection | undefined;
  try {
    connection = new Connection(openRaw(path, { timeout: 0 }), path, false, settings);
    rawHandle(connection).unsafeMode(true);
    connection.pragma('synchronous = OFF');
    connection.pragmaValue('schema_version');
    return connection;
  } catch (error) {
    connection?.close();
    throw translateError(error, path);
  }
}
