import {
  closeSync,
  copyFileSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import Database from 'better-sqlite3';
import {
  isBtreeType,
  isInteriorType,
  readCell,
  readPageHeader,
  uint16,
  uint32,
} from '../../src/core/file-format/btree-page.ts';
import { makeSoundDatabase, type SoundDatabaseOptions } from './sound-database.ts';

/**
 * Ways in which a database gets damaged, each with the check that must find it and the tier that check belongs to. Every
 * kind is applied to a sound, closed database (or one with a left-over WAL) and is deterministic by its seed.
 */
export interface DamageKind {
  readonly name: string;
  readonly tier: 'quick' | 'daily' | 'deep';
  /** One of these must be critical. */
  readonly foundBy: readonly string[];
  readonly database?: SoundDatabaseOptions;
  /** The damage is in the WAL: the database is left as a killed writer leaves it. */
  readonly wal?: true;
  /** A health run before the damage has seen the sound state. */
  readonly seenBefore?: true;
  apply(file: DamagedFile): void;
}

/** A database file in memory, with its pages; `save` writes it back. */
export class DamagedFile {
  readonly path: string;
  readonly bytes: Buffer;
  readonly pageSize: number;
  #seed: number;

  constructor(path: string, seed: number) {
    this.path = path;
    this.bytes = readFileSync(path);
    const stored = this.bytes.readUInt16BE(16);
    this.pageSize = stored === 1 ? 65536 : stored;
    this.#seed = seed >>> 0;
  }

  get pageCount(): number {
    return this.bytes.length / this.pageSize;
  }

  page(number: number): Buffer {
    return this.bytes.subarray((number - 1) * this.pageSize, number * this.pageSize);
  }

  /** Uniform whole number in [0, limit). */
  random(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * limit);
  }

  pick<T>(list: readonly T[]): T {
    const chosen = list[this.random(list.length)];
    if (chosen === undefined) throw new Error('nothing to damage');
    return chosen;
  }

  save(): void {
    writeFileSync(this.path, this.bytes);
  }

  /** Pages of a tree whose first byte is `type`, the root left out. */
  treePages(name: string, type: number): number[] {
    const db = new Database(this.path, { readonly: true });
    const root = db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number;
    db.close();
    rmSync(`${this.path}-shm`, { force: true });
    rmSync(`${this.path}-wal`, { force: true });
    return this.below(root).filter((page) => page !== root && this.page(page)[0] === type);
  }

  root(name: string): number {
    const db = new Database(this.path, { readonly: true });
    const root = db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').pluck().get(name) as number;
    db.close();
    rmSync(`${this.path}-shm`, { force: true });
    rmSync(`${this.path}-wal`, { force: true });
    return root;
  }

  below(root: number): number[] {
    const page = this.page(root);
    const header = readPageHeader(page, root);
    if (header === undefined || !isInteriorType(header.type)) return [root];
    const children = [header.rightChild];
    for (let index = 0; index < header.cellCount; index++) {
      children.push(uint32(page, uint16(page, header.pointersAt + 2 * index)));
    }
    return [root, ...children.flatMap((child) => this.below(child))];
  }

  /** First overflow pages of the table `trade`. */
  overflowPages(): number[] {
    return this.treePages('trade', 13).flatMap((number) => {
      const page = this.page(number);
      const header = readPageHeader(page, number);
      if (header === undefined) return [];
      return Array.from({ length: header.cellCount }, (_, index) => {
        const cell = readCell(page, header.type, uint16(page, header.pointersAt + 2 * index), this.pageSize);
        return cell?.overflow ?? 0;
      }).filter((first) => first !== 0);
    });
  }

  firstTrunk(): number {
    return this.bytes.readUInt32BE(32);
  }
}

const flip = (bytes: Buffer, offset: number, mask = 0xff): void => {
  bytes[offset] = (bytes[offset] ?? 0) ^ mask;
};

/** Damages pages and writes the file. */
const inPages =
  (damage: (file: DamagedFile) => void): DamageKind['apply'] =>
  (file) => {
    damage(file);
    file.save();
  };

/** Damages the bytes of the left-over WAL. */
const inWal =
  (damage: (wal: Buffer, file: DamagedFile) => void): DamageKind['apply'] =>
  (file) => {
    const wal = readFileSync(`${file.path}-wal`);
    damage(wal, file);
    writeFileSync(`${file.path}-wal`, wal);
  };

const truncateTo = (path: string, size: number): void => {
  const descriptor = openSync(path, 'r+');
  ftruncateSync(descriptor, size);
  closeSync(descriptor);
};

const structure = ['structure.page'];
const quick = { tier: 'quick' } as const;

export const damageKinds: readonly DamageKind[] = [
  { name: 'header magic', ...quick, foundBy: ['file.kind'], apply: inPages((f) => flip(f.bytes, f.random(15))) },
  {
    name: 'header page size',
    ...quick,
    foundBy: ['file.kind'],
    apply: inPages((f) => f.bytes.writeUInt16BE(4095, 16)),
  },
  { name: 'first page zeroed', ...quick, foundBy: ['file.kind'], apply: inPages((f) => f.page(1).fill(0)) },
  { name: 'schema page header', ...quick, foundBy: structure, apply: inPages((f) => f.bytes.fill(0x77, 100, 108)) },
  {
    name: 'schema record',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.bytes.writeUInt16BE(f.pageSize - 3, 108)),
  },
  {
    name: 'table leaf zeroed',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade', 13))).fill(0)),
  },
  {
    name: 'table leaf of random bytes',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => fillRandom(f, f.pick(f.treePages('trade', 13)))),
  },
  {
    name: 'table leaf turned into an index leaf',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade', 13))).writeUInt8(10)),
  },
  {
    name: 'index leaf zeroed',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade_symbol', 10))).fill(0)),
  },
  {
    name: 'root of a table zeroed',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.root('trade')).fill(0)),
  },
  {
    name: 'root of an index with another type',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.root('trade_symbol')).writeUInt8(13)),
  },
  {
    name: 'interior page of random bytes',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => fillRandom(f, f.root('trade'))),
  },
  {
    name: 'cell pointer outside of its page',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade', 13))).writeUInt16BE(f.pageSize - 1, 8)),
  },
  {
    name: 'cell count too large',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade', 13))).writeUInt16BE(f.pageSize / 2, 3)),
  },
  {
    name: 'payload length too large',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => {
      const page = f.page(f.pick(f.treePages('trade', 13)));
      page.set([0xff, 0xff, 0xff, 0x7f], uint16(page, 8));
    }),
  },
  {
    name: 'child that does not exist',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.root('trade')).writeUInt32BE(f.pageCount + 7, 8)),
  },
  {
    name: 'two parents of one page',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => {
      const root = f.page(f.root('trade'));
      root.writeUInt32BE(uint32(root, uint16(root, 12)), 8);
    }),
  },
  {
    name: 'page written to the place of another',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.treePages('trade', 13))).set(f.page(f.root('trade')))),
  },
  {
    name: 'overflow chain cut',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.overflowPages())).writeUInt32BE(0)),
  },
  {
    name: 'overflow page zeroed',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => f.page(f.pick(f.overflowPages())).fill(0)),
  },
  {
    name: 'overflow chain into another',
    ...quick,
    foundBy: structure,
    apply: inPages((f) => {
      const [first = 0, second = 0] = f.overflowPages();
      f.page(first).writeUInt32BE(uint32(f.page(second), 0));
    }),
  },
  {
    name: 'freelist loop',
    ...quick,
    foundBy: ['structure.freelist'],
    apply: inPages((f) => f.page(f.firstTrunk()).writeUInt32BE(f.firstTrunk())),
  },
  {
    name: 'freelist trunk zeroed',
    ...quick,
    foundBy: ['structure.freelist'],
    apply: inPages((f) => f.page(f.firstTrunk()).fill(0)),
  },
  {
    name: 'freelist count in the header',
    ...quick,
    foundBy: ['structure.freelist'],
    apply: inPages((f) => f.bytes.writeUInt32BE(f.bytes.readUInt32BE(36) + 1, 36)),
  },
  {
    name: 'freelist names a page in use',
    ...quick,
    foundBy: [...structure, 'structure.freelist'],
    apply: inPages((f) => f.page(f.firstTrunk()).writeUInt32BE(f.root('trade'), 8)),
  },
  {
    name: 'pointer map entry',
    ...quick,
    foundBy: structure,
    database: { autoVacuum: 2 },
    apply: inPages((f) => f.page(2).writeUInt8(5, 5)),
  },
  {
    name: 'file cut in the middle of a page',
    ...quick,
    foundBy: ['file.size'],
    apply: (f) => truncateTo(f.path, statSync(f.path).size - 100),
  },
  {
    name: 'file cut by half',
    ...quick,
    foundBy: ['file.size'],
    apply: (f) => truncateTo(f.path, Math.floor(f.pageCount / 2) * f.pageSize),
  },
  {
    name: 'hot journal of another database',
    ...quick,
    foundBy: ['journal.hot'],
    database: { journalMode: 'delete' },
    apply: (f) => writeFileSync(`${f.path}-journal`, journalOf(f.pageSize === 512 ? 1024 : 512)),
  },
  {
    name: 'WAL frame before the last commit',
    ...quick,
    wal: true,
    foundBy: ['wal.chain'],
    apply: inWal((wal, f) => flip(wal, 32 + 24 + f.random(f.pageSize))),
  },
  {
    name: 'WAL frame header before the last commit',
    ...quick,
    wal: true,
    foundBy: ['wal.chain'],
    apply: inWal((wal, f) => flip(wal, 32 + f.random(8))),
  },
  {
    name: 'WAL of a database with other pages',
    ...quick,
    wal: true,
    foundBy: ['wal.foreign'],
    apply: (f) => {
      const other = `${f.path}.other`;
      leaveWal(other, { pageSize: f.pageSize === 1024 ? 2048 : 1024 });
      copyFileSync(`${other}-wal`, `${f.path}-wal`);
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${other}${suffix}`, { force: true });
    },
  },
  {
    name: 'WAL left over from before the file was rewritten',
    ...quick,
    wal: true,
    foundBy: ['wal.foreign'],
    apply: inPages((f) => {
      f.bytes.writeUInt32BE(f.bytes.readUInt32BE(24) + 50, 24);
      f.bytes.writeUInt32BE(f.bytes.readUInt32BE(92) + 50, 92);
    }),
  },
  {
    name: 'checkpoint half done and WAL deleted',
    ...quick,
    wal: true,
    foundBy: ['structure.page', 'file.size', 'wal.lost'],
    apply: inPages((f) => {
      const wal = readFileSync(`${f.path}-wal`);
      const frames = Math.floor((wal.length - 32) / (24 + f.pageSize));
      // Every other page of the last commits reached the file; the page count on page 1 did.
      for (let frame = 0; frame < frames; frame++) {
        const at = 32 + frame * (24 + f.pageSize);
        const page = wal.readUInt32BE(at);
        const inFile = page * f.pageSize <= f.bytes.length;
        if (inFile && (page === 1 || page % 2 === 0)) wal.copy(f.page(page), 0, at + 24, at + 24 + f.pageSize);
      }
      rmSync(`${f.path}-wal`);
    }),
  },
  {
    name: 'WAL deleted',
    ...quick,
    wal: true,
    seenBefore: true,
    foundBy: ['wal.lost'],
    apply: (f) => rmSync(`${f.path}-wal`),
  },
  {
    name: 'WAL cut before its last commit',
    ...quick,
    wal: true,
    seenBefore: true,
    foundBy: ['wal.lost'],
    apply: (f) => truncateTo(`${f.path}-wal`, 32 + f.pageSize + 24 + 10),
  },
  {
    name: 'WAL header',
    ...quick,
    wal: true,
    seenBefore: true,
    foundBy: ['wal.lost'],
    apply: inWal((wal) => flip(wal, 17)),
  },
  {
    name: 'key of an index entry',
    tier: 'deep',
    foundBy: ['sqlite.integrity'],
    apply: inPages((f) => {
      const page = f.page(f.pick(f.treePages('trade_symbol', 10)));
      flip(page, page.indexOf('SYM', uint16(page, 8)), 0x02);
    }),
  },
  {
    name: 'indexed value of a row',
    tier: 'deep',
    foundBy: ['sqlite.integrity'],
    apply: inPages((f) => {
      const page = f.page(f.pick(f.treePages('trade', 13)));
      flip(page, page.indexOf('SYM', uint16(page, 8)), 0x02);
    }),
  },
  {
    name: 'rows out of order',
    tier: 'daily',
    foundBy: ['sqlite.quick'],
    apply: inPages((f) => {
      const page = f.page(f.pick(f.treePages('trade', 13)));
      const [first, second] = [page.readUInt16BE(8), page.readUInt16BE(10)];
      page.writeUInt16BE(second, 8);
      page.writeUInt16BE(first, 10);
    }),
  },
];

function fillRandom(file: DamagedFile, number: number): void {
  const page = file.page(number);
  for (let at = 0; at < page.length; at++) page[at] = file.random(256);
  // Any first byte but that of a page which could also stand there by chance.
  if (isBtreeType(page[0] ?? 0)) page[0] = 0xee;
}

/** A journal as a writer leaves it that dies before its first page record is synced. */
function journalOf(pageSize: number): Buffer {
  const journal = Buffer.alloc(512);
  journal.set([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
  journal.writeUInt32BE(3, 16);
  journal.writeUInt32BE(512, 20);
  journal.writeUInt32BE(pageSize, 24);
  return journal;
}

/** A sound database with committed frames in its WAL and nobody connected, as after kill -9. */
export function leaveWal(path: string, options: SoundDatabaseOptions = {}): void {
  const source = `${path}.source`;
  makeSoundDatabase(source, options);
  const db = new Database(source);
  db.pragma('wal_autocheckpoint = 0');
  const insert = db.prepare('INSERT INTO trade (symbol, qty, note) VALUES (?, ?, ?)');
  for (let commit = 0; commit < 5; commit++) {
    db.transaction(() => {
      for (let row = 0; row < 40; row++) insert.run(`NEW${row}`, commit, 'z'.repeat(600));
    })();
  }
  copyFileSync(source, path);
  copyFileSync(`${source}-wal`, `${path}-wal`);
  db.close();
  for (const suffix of ['', '-wal', '-shm']) if (existsSync(`${source}${suffix}`)) rmSync(`${source}${suffix}`);
}
