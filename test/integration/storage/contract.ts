import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ObjectInfo, Storage } from '../../../src/core/storage/storage.ts';

/** What every storage must do; each file of this folder runs it against one kind, with a real server behind it. */
export interface ContractPlace {
  /** A storage over the same place; several writers have one each. */
  open(writer?: string): Storage;
  /** Whether several writers with `ifAbsent` are decided by the storage. */
  readonly exclusive: boolean;
  /** How many objects the listing test makes; over 1,000 takes several pages. */
  readonly objects: number;
  /** A local folder for files to adopt. */
  readonly folder: string;
}

/** A new folder inside the storage for every test. */
let places = 0;

export function storageContract(place: () => ContractPlace): void {
  const root = (): string => `db/t${places++}`;

  it('gives back what was written, whole and in ranges at both ends', async () => {
    const storage = place().open();
    const key = `${root()}/object.pack`;
    const body = randomBytes(1_500_000);
    expect(await storage.write(key, body)).toBe(true);
    expect(Buffer.compare(await storage.read(key), body)).toBe(0);
    expect(Buffer.from(await storage.read(key, { offset: 0, length: 1 }))).toEqual(body.subarray(0, 1));
    const end = body.length - 1;
    expect(Buffer.from(await storage.read(key, { offset: end, length: 1 }))).toEqual(body.subarray(end));
    const middle = await storage.read(key, { offset: 700_001, length: 300_007 });
    expect(Buffer.compare(middle, body.subarray(700_001, 1_000_008))).toBe(0);
    await expect(storage.read(key, { offset: end, length: 2 })).rejects.toMatchObject({ code: 'io_error' });
    await expect(storage.read(key, { offset: end + 10, length: 2 })).rejects.toMatchObject({ code: 'io_error' });
  });

  it('takes an empty object, and the last of two writes', async () => {
    const storage = place().open();
    const key = `${root()}/empty`;
    await storage.write(key, new Uint8Array(0));
    expect((await storage.read(key)).length).toBe(0);
    await storage.write(key, Buffer.from('second'));
    expect(Buffer.from(await storage.read(key)).toString()).toBe('second');
    expect((await listed(storage, key.slice(0, key.lastIndexOf('/'))))[0]).toMatchObject({ key, sizeBytes: 6 });
  });

  it('says file_not_found for what is not there, and deletes it without a word', async () => {
    const storage = place().open();
    const key = `${root()}/nothing`;
    await expect(storage.read(key)).rejects.toMatchObject({ code: 'file_not_found' });
    await expect(storage.read(key, { offset: 0, length: 1 })).rejects.toMatchObject({ code: 'file_not_found' });
    await storage.delete(key);
    await storage.write(key, Buffer.from('x'));
    await storage.delete(key);
    await expect(storage.read(key)).rejects.toMatchObject({ code: 'file_not_found' });
    expect(await listed(storage, key.slice(0, key.lastIndexOf('/')))).toEqual([]);
  });

  it('keeps names with spaces, signs and letters of other scripts', async () => {
    const storage = place().open();
    const folder = root();
    const names = [
      'a b',
      '100%',
      '%20',
      'größe',
      '注文',
      "it's",
      'a+b&c=d',
      '<x>',
      '#1',
      'q?r',
      'semi;colon',
      '"q"',
      '[1]',
    ];
    for (const name of names) await storage.write(`${folder}/${name}`, Buffer.from(name));
    expect((await listed(storage, folder)).map(({ key }) => key).sort()).toEqual(
      names.map((n) => `${folder}/${n}`).sort(),
    );
    for (const name of names) expect(Buffer.from(await storage.read(`${folder}/${name}`)).toString()).toBe(name);
  });

  it('lists a folder and what is below it, not its neighbours with the same beginning', async () => {
    const storage = place().open();
    const folder = root();
    for (const name of ['a/1', 'a/b/2', 'ab/3']) await storage.write(`${folder}/${name}`, Buffer.from('x'));
    expect((await listed(storage, `${folder}/a`)).map(({ key }) => key).sort()).toEqual([
      `${folder}/a/1`,
      `${folder}/a/b/2`,
    ]);
    const before = Date.now();
    const { modifiedMs } = (await listed(storage, `${folder}/ab`))[0] as ObjectInfo;
    expect(Math.abs(before - modifiedMs)).toBeLessThan(120_000);
  });

  it('refuses keys that lead out of the repository', async () => {
    const storage = place().open();
    for (const key of ['../x', 'a/../../x', 'a/./x', 'a\\b', 'nul\u0000']) {
      await expect(storage.write(key, Buffer.from('x'))).rejects.toMatchObject({ code: 'repository_invalid' });
    }
  });

  it('lists objects over several pages', async () => {
    const { open, objects: count } = place();
    const storage = open();
    const folder = root();
    const names = Array.from({ length: count }, (_, index) => `${folder}/${String(index).padStart(5, '0')}`);
    const rest = [...names];
    const worker = async (): Promise<void> => {
      for (let key = rest.pop(); key !== undefined; key = rest.pop()) await storage.write(key, Buffer.from('x'));
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    expect((await listed(storage, folder)).map(({ key }) => key).sort()).toEqual(names);
  }, 120_000);

  it('creates a name once, whoever of 16 asks', async () => {
    const { open, exclusive } = place();
    const key = `${root()}/one`;
    const writers = Array.from({ length: 16 }, (_, index) => ({ index, storage: open(`w${index}`) }));
    expect(await writers[0]?.storage.exclusiveCreate()).toBe(exclusive);
    const won = await Promise.all(
      writers.map(({ index, storage }) => storage.write(key, Buffer.from(`writer ${index}`), { ifAbsent: true })),
    );
    const winners = won.flatMap((yes, index) => (yes ? [index] : []));
    if (exclusive) expect(winners).toHaveLength(1);
    else expect(winners.length).toBeGreaterThan(0);
    const text = Buffer.from(await open().read(key)).toString();
    expect(winners.map((index) => `writer ${index}`)).toContain(text);
    expect(await open().write(key, Buffer.from('late'), { ifAbsent: true })).toBe(false);
    expect(Buffer.from(await open().read(key)).toString()).toBe(text);
    for (const { storage } of writers) await storage.close();
  });

  it('adopts a local file, which is gone afterwards', async () => {
    const { open, folder } = place();
    const storage = open();
    const staging = await storage.stagingFolder('t');
    const body = randomBytes(5_000_000);
    const file = join(staging, 'prepared');
    writeFileSync(file, body);
    const key = `${root()}/adopted.pack`;
    await storage.adopt(key, file);
    expect(existsSync(file)).toBe(false);
    expect(Buffer.compare(await storage.read(key), body)).toBe(0);
    await expect(storage.adopt(key, join(folder, 'not there'))).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('shows what one writer has written to another one at once', async () => {
    const { open } = place();
    const [a, b] = [open('a'), open('b')];
    const folder = root();
    for (let index = 0; index < 20; index++) {
      await a.write(`${folder}/${index}`, Buffer.from(String(index)));
      expect(Buffer.from(await b.read(`${folder}/${index}`)).toString()).toBe(String(index));
      expect(await listed(b, folder)).toHaveLength(index + 1);
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('takes objects into a folder that somebody else empties at the same time', async () => {
    const { open } = place();
    const [a, b] = [open('a'), open('b')];
    for (const folder of [root(), 'leases']) {
      const rounds = Array.from({ length: 25 }, (_, index) => index);
      const [mine, other] = [`${folder}/mine`, `${folder}/other`];
      const emptying = (async () => {
        for (const _ of rounds) {
          await b.write(other, Buffer.from('x'));
          await b.delete(other);
        }
      })();
      for (const index of rounds) {
        await a.write(mine, Buffer.from(String(index)));
        expect(Buffer.from(await a.read(mine)).toString()).toBe(String(index));
        await a.delete(mine);
      }
      await emptying;
    }
    await Promise.all([a.close(), b.close()]);
  });

  it('keeps staging folders apart and out of the listing, and clears them', async () => {
    const storage = place().open();
    const [first, second] = [await storage.stagingFolder('g'), await storage.stagingFolder('g')];
    expect(first).not.toBe(second);
    mkdirSync(join(first, 'deep'));
    writeFileSync(join(first, 'deep', 'x'), 'x');
    expect((await listed(storage, '')).filter(({ key }) => key.includes('deep'))).toEqual([]);
    await storage.removeUnfinished('g');
    expect(existsSync(first)).toBe(false);
    expect(existsSync(second)).toBe(false);
  });
}

export async function listed(storage: Storage, prefix: string): Promise<ObjectInfo[]> {
  const objects: ObjectInfo[] = [];
  for await (const object of storage.list(prefix)) objects.push(object);
  return objects;
}
