import type { LiveFiles } from '../../file-access/live-files.ts';
import { childrenOf, isInteriorType, readPageHeader, uint32 } from '../../file-format/btree-page.ts';
import type { DatabaseHeader } from '../../file-format/database-header.ts';
import type { WalIndexHeader } from '../../file-format/wal-index-header.ts';
import type { ObjectWrites } from '../sample.ts';
import { FrameReader, type FrameSource } from '../sampler/frame-reader.ts';
import { IndexReader } from '../sampler/index-reader.ts';
import { PageOwners, walkPages } from './page-owners.ts';
import { PageReader } from './page-reader.ts';
import { readSchemaObjects } from './schema-objects.ts';

/** Walks cost reads of the database: not more often than this, whatever happens. */
const walkEveryMs = 10_000;
/** A changed schema is looked at sooner. */
const schemaEveryMs = 1000;
/** Share of frames without an owner from which the map is made anew. */
const mostUnknown = 0.02;

const encodings = { utf8: 'utf-8', unset: 'utf-8', utf16le: 'utf-16le', utf16be: 'utf-16be' } as const;

export interface AttributionFacts {
  readonly objects: readonly ObjectWrites[];
  /** Share of the commits whose frames were seen, since the first look. */
  readonly coverage: number;
  readonly unknownFrames: number;
}

/** Says which table or index each written frame belongs to, from a map of the pages that follows what is written. */
export class Attribution {
  readonly #files: LiveFiles;
  readonly #frames: FrameSource;
  #owners = new PageOwners([], 0);
  #cookie = -1;
  #walkedAt = Number.NEGATIVE_INFINITY;
  #walkedSize = 0;
  #schemaChanged = false;
  /** Distance of two pointer-map pages; 0 without auto_vacuum. */
  #pointerMapEvery = 0;
  /** Frames by `kind` and name: they stay when the map is made anew. */
  readonly #written = new Map<string, number>();
  #pending: { page: number; children: number[] }[] = [];
  #transaction: number[] = [];
  #commitsSeen = 0;
  #commitsMade = 0;
  #unknown = 0;
  #unknownSinceWalk = 0;
  #seenSinceWalk = 0;
  #estimated = false;

  /** `frames` reads what was written, and so learns of new pages at once; `index` reads the page numbers alone. */
  constructor(files: LiveFiles, from: 'frames' | 'index' = 'frames') {
    this.#files = files;
    this.#frames = from === 'frames' ? new FrameReader(files) : new IndexReader(files);
  }

  /** `newCommits` were made since the last call, by the change counter. */
  update(
    now: number,
    header: DatabaseHeader | undefined,
    index: WalIndexHeader | undefined,
    newCommits: number,
  ): AttributionFacts {
    if (index !== undefined) this.#readFrames(index, newCommits);
    if (header !== undefined && this.#mustWalk(now, header, index)) this.#walk(now, header, index);
    return this.#facts();
  }

  #readFrames(index: WalIndexHeader, newCommits: number): void {
    const written = new Map<number, number>();
    const sink = {
      frame: (page: number, isCommit: boolean, bytes: Uint8Array) => {
        this.#transaction.push(page);
        if (bytes.length > 0) this.#learn(page, bytes);
        if (isCommit) this.#commit(written);
      },
      discard: () => {
        this.#pending = [];
        this.#transaction = [];
      },
    };
    const seen = this.#frames.read(index, sink, newCommits);
    this.#commitsSeen += seen;
    this.#commitsMade += Math.max(seen, newCommits);
    // Commits whose frames were missed are taken to be like those that were seen.
    const scale = seen > 0 && newCommits > seen ? newCommits / seen : 1;
    if (newCommits > seen) this.#estimated = true;
    for (const [owner, frames] of written) {
      const key = this.#key(owner);
      this.#written.set(key, (this.#written.get(key) ?? 0) + frames * scale);
    }
  }

  /** An interior page names its children; until its own owner is known it waits for the rest of its transaction. */
  #learn(page: number, bytes: Uint8Array): void {
    if (page === 1 && uint32(bytes, 40) !== this.#cookie) this.#schemaChanged = true;
    const header = readPageHeader(bytes, page);
    if (header === undefined || !isInteriorType(header.type)) return;
    this.#pending.push({ page, children: childrenOf(bytes, header) });
  }

  #commit(written: Map<number, number>): void {
    let waiting = this.#pending;
    for (let before = -1; waiting.length !== before; ) {
      before = waiting.length;
      waiting = waiting.filter(({ page, children }) => {
        const owner = this.#owners.ownerOf(page);
        if (owner < 0) return true;
        for (const child of children) this.#owners.assign(child, owner);
        return false;
      });
    }
    for (const page of this.#transaction) {
      const owner = this.#owners.ownerOf(page);
      if (owner < 0 && isPointerMap(page, this.#pointerMapEvery)) continue;
      this.#seenSinceWalk += 1;
      if (owner >= 0) written.set(owner, (written.get(owner) ?? 0) + 1);
      else {
        this.#unknown += 1;
        this.#unknownSinceWalk += 1;
      }
    }
    this.#pending = [];
    this.#transaction = [];
  }

  #mustWalk(now: number, header: DatabaseHeader, index: WalIndexHeader | undefined): boolean {
    const since = now - this.#walkedAt;
    if (this.#walkedAt === Number.NEGATIVE_INFINITY) return true;
    if (this.#schemaChanged) return since >= schemaEveryMs;
    if (since < walkEveryMs) return false;
    const grown = (index === undefined ? header.pageCount : index.pageCount) !== this.#walkedSize;
    const blind = this.#seenSinceWalk === 0 ? grown : this.#unknownSinceWalk / this.#seenSinceWalk > mostUnknown;
    return blind || (grown && this.#commitsSeen < this.#commitsMade) || header.schemaCookie !== this.#cookie;
  }

  #walk(now: number, header: DatabaseHeader, index: WalIndexHeader | undefined): void {
    const { pageSizeBytes, reservedBytes, textEncoding } = header;
    const reader = new PageReader(this.#files, pageSizeBytes, index);
    const pageCount = index === undefined || index.maxFrame === 0 ? header.pageCount : index.pageCount;
    const schema = readSchemaObjects(reader, encodings[textEncoding], pageSizeBytes - reservedBytes);
    this.#owners = walkPages(reader, schema.objects, pageCount);
    this.#cookie = schema.cookie;
    const usable = pageSizeBytes - reservedBytes;
    this.#pointerMapEvery = header.largestRootPage === 0 ? 0 : Math.floor(usable / 5) + 1;
    this.#schemaChanged = false;
    this.#walkedAt = now;
    this.#walkedSize = pageCount;
    this.#unknownSinceWalk = 0;
    this.#seenSinceWalk = 0;
  }

  #key(owner: number): string {
    const object = this.#owners.objects[owner];
    return object === undefined ? '' : `${object.kind} ${object.name}`;
  }

  #facts(): AttributionFacts {
    const objects = this.#owners.objects.map((object, owner) => ({
      object: object.name,
      kind: object.kind,
      table: object.table,
      pages: this.#owners.pagesOf(owner),
      frames: Math.round(this.#written.get(`${object.kind} ${object.name}`) ?? 0),
      estimated: this.#estimated,
    }));
    const coverage = this.#commitsMade === 0 ? 1 : this.#commitsSeen / this.#commitsMade;
    return { objects, coverage, unknownFrames: this.#unknown };
  }
}

/** Pointer maps (fileformat2, section 1.8) are written with nearly every page that moves, and belong to no object. */
function isPointerMap(page: number, every: number): boolean {
  return every > 0 && page >= 2 && (page - 2) % every === 0;
}
