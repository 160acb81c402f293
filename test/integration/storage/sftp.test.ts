import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/system/system-clock.ts';
import { sftpFolder } from '../../support/remote-storage.ts';
import { requireInCi } from '../../support/server-process.ts';
import { type SftpServer, sftpMissing, startSftp } from '../../support/sftp-server.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { listed, storageContract } from './contract.ts';

const missing = sftpMissing();

describe.skipIf(!requireInCi(missing))(`SFTP${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let server: SftpServer;
  let state = '';
  beforeAll(async () => {
    state = mkdtempSync(join(tmpdir(), 'tradedb-contract-'));
    server = await startSftp();
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    rmSync(state, { recursive: true, force: true });
  });

  storageContract(() => ({ open: () => sftpFolder(server, state), exclusive: true, objects: 1100, folder: state }));

  it('refuses a host whose key is not known, or is another one', async () => {
    const empty = join(state, 'known');
    writeFileSync(empty, '# nobody\n');
    await expect(sftpFolder(server, state, { knownHostsFile: empty }).read('x')).rejects.toMatchObject({
      code: 'storage_refused',
      message: expect.stringContaining('host key'),
    });
    const other = readFileSync(`${server.strangeKeyFile}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    writeFileSync(empty, `[127.0.0.1]:${server.port} ${other}\n`);
    await expect(sftpFolder(server, state, { knownHostsFile: empty }).read('x')).rejects.toMatchObject({
      code: 'storage_refused',
      message: expect.stringContaining('differs'),
    });
  });

  it('says which key the server does not accept, without showing it', async () => {
    const storage = sftpFolder(server, state, { privateKeyFile: server.strangeKeyFile });
    const error = await storage.read('x').catch((caught: Error) => caught);
    expect(error).toMatchObject({ code: 'storage_refused', message: expect.stringContaining('does not accept') });
    expect(String(error)).not.toContain(readFileSync(server.strangeKeyFile, 'utf8').split('\n')[1]);
  });

  it('says that nobody listens, after all tries', async () => {
    const storage = sftpFolder({ ...server, port: 1 }, state, { knownHostsFile: join(state, 'all') });
    writeFileSync(join(state, 'all'), readFileSync(server.knownHostsFile, 'utf8').replace(/\S+/, '[127.0.0.1]:1'));
    await expect(storage.read('x')).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('goes on after the connection was cut in the middle of an upload, behind what was confirmed', async () => {
    const storage = sftpFolder(server, state);
    const body = randomBytes(64 * 1024 * 1024);
    const file = join(await storage.stagingFolder('cut'), 'pack');
    writeFileSync(file, body);
    const adopting = storage.adopt('db/cut/points/1/x.pack', file);
    const folder = join(server.folder, 'repository/db/cut/points/1');
    for (let size = 0; size < 10_000_000; await systemClock.sleep(1)) size = largest(folder);
    expect(await listed(storage, 'db/cut')).toEqual([]);
    server.cutConnections();
    await adopting;
    expect(Buffer.compare(await storage.read('db/cut/points/1/x.pack'), body)).toBe(0);
    expect(readdirSync(folder)).toEqual(['x.pack']);
    await storage.close();
  });

  it('leaves a killed writer’s part out of the listing, and removes it', async () => {
    const storage = sftpFolder(server, state);
    await storage.write('db/killed/points/1/whole', Buffer.from('x'));
    writeFileSync(join(server.folder, 'repository/db/killed/points/1/half.pack.w-1.partial'), 'half');
    expect((await listed(storage, 'db/killed')).map(({ key }) => key)).toEqual(['db/killed/points/1/whole']);
    // An archiver may be sending a segment: it is not touched by others.
    const archive = join(server.folder, 'repository/db/killed/wal/1');
    mkdirSync(archive, { recursive: true });
    writeFileSync(join(archive, 'half.wseg.w-1.partial'), 'half');
    await storage.removeUnfinished('killed');
    expect(readdirSync(join(server.folder, 'repository/db/killed/points/1'))).toEqual(['whole']);
    expect(readdirSync(archive)).toEqual(['half.wseg.w-1.partial']);
    await storage.removeUnfinished('killed-wal');
    expect(readdirSync(archive)).toEqual([]);
  });

  it('says that it is full, and keeps nothing of what did not fit', async () => {
    const disk = smallDisk(8);
    if (disk === undefined) return;
    const storage = sftpFolder(server, state, { path: join(disk, 'repository') });
    await storage.write('db/full/fits', Buffer.from('x'));
    await expect(storage.write('db/full/large', randomBytes(16 * 1024 * 1024))).rejects.toMatchObject({
      code: 'disk_full',
    });
    expect((await listed(storage, '')).map(({ key }) => key)).toEqual(['db/full/fits']);
    expect(readdirSync(join(disk, 'repository/db/full'))).toEqual(['fits']);
    await storage.close();
  });

  it('says that it was denied', async () => {
    const readOnly = await startSftp({ folder: server.folder, readOnly: true });
    try {
      const storage = sftpFolder(readOnly, state);
      await expect(storage.write('x', Buffer.from('x'))).rejects.toMatchObject({ code: 'permission_denied' });
      expect((await listed(storage, '')).map(({ key }) => key)).not.toContain('x');
      await storage.close();
    } finally {
      await readOnly.stop();
    }
  });
});

function largest(folder: string): number {
  try {
    return Math.max(0, ...readdirSync(folder).map((name) => readFileSync(join(folder, name)).length));
  } catch {
    return 0;
  }
}
