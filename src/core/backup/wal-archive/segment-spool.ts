import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import type { WalPosition } from '../../file-access/snapshot-view.ts';
import { flushFolder, writeDurably } from '../../storage/local-folder.ts';
import { fromStorage } from '../../storage/storage-error.ts';
import { decodeSegment, type SegmentName } from './segment-format.ts';
import type { FinishedSegment } from './segment-writer.ts';

/** A place in the archive behind which recording can go on. */
export interface ArchiveEnd {
  readonly epoch: string;
  /** Restore point that the epoch builds on. */
  readonly base: string;
  readonly firstTx: number;
  readonly tx: number;
  readonly digest: string;
  readonly position: WalPosition;
  /** When its last commit was seen; milliseconds since 1970 UTC. */
  readonly notAfter: number;
}

/** A segment that is durable here and waits for the server. */
export type WaitingSegment = FinishedSegment & { readonly epoch: string };

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

const endSchema = v.nullable(
  v.object({
    firstTx: count,
    tx: count,
    digest: v.string(),
    position: v.object({ salt1: count, salt2: count, frame: count, checksum1: count, checksum2: count }),
    notAfter: v.optional(v.number(), 0),
  }),
);

const noteSchema = v.object({
  epoch: v.string(),
  base: v.string(),
  /** The last segment that the server is known to have. */
  sent: endSchema,
  /** That one, or the one that was about to be sent behind it. */
  end: endSchema,
});

type Note = v.InferOutput<typeof noteSchema>;

const noteName = 'end.json';
const recording = 'recording';
const suffix = '.wseg';
const aside = '.aside';

/**
 * Segments of one database that wait for their server, in a local folder: oldest first, all of one epoch. A segment is in
 * it when its name is durable, and leaves it when the server has it. `end.json` is where the archive ended when the last
 * one left, so that recording can go on while the server cannot be asked.
 */
export class SegmentSpool {
  readonly #folder: string;
  readonly #waiting: WaitingSegment[] = [];
  #note: Note | undefined;
  #bytes = 0;
  #recorders = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Reads what an earlier run left. What does not follow from what is before it is put aside. */
  static async open(folder: string): Promise<SegmentSpool> {
    const spool = new SegmentSpool(folder);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await spool.removeStaging();
      await spool.#read();
    } catch (error) {
      throw fromStorage(error, folder);
    }
    return spool;
  }

  /** Where a recorder writes: on the file system of the spool, so that a finished segment only has to be renamed. */
  async newStaging(): Promise<string> {
    await this.removeStaging();
    const folder = join(this.#folder, recording, String(this.#recorders++));
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw fromStorage(error, folder);
    }
    return folder;
  }

  async removeStaging(): Promise<void> {
    await rm(join(this.#folder, recording), { recursive: true, force: true });
  }

  get segments(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get first(): WaitingSegment | undefined {
    return this.#waiting[0];
  }

  /** Where the next segment goes on; undefined when that is not known here. */
  get end(): ArchiveEnd | undefined {
    const last = this.#waiting.at(-1);
    if (last === undefined) return this.#noted(this.#note?.end ?? null);
    return { epoch: last.epoch, base: this.#note?.base ?? '', ...endBehind(last) };
  }

  /** Where the archive on the server ends, as far as it was written from here. */
  get sentEnd(): ArchiveEnd | undefined {
    const isUnderWay = this.first !== undefined && this.#note?.end?.digest === this.first.digest;
    return this.#noted((isUnderWay ? this.#note?.sent : this.#note?.end) ?? null);
  }

  /** Durable when it resolves. */
  async add(segment: WaitingSegment): Promise<void> {
    const file = join(this.#folder, nameOf(segment));
    await rename(segment.file, file);
    await flushFolder(this.#folder);
    this.#waiting.push({ ...segment, file });
    this.#bytes += segment.sizeBytes;
  }

  /** Notes that the first one is about to be sent: whether it arrives or not, recording goes on behind it. */
  async noteFirst(): Promise<void> {
    const segment = this.#waiting[0];
    if (segment === undefined || this.#note?.end?.digest === segment.digest) return;
    const known = this.#note?.epoch === segment.epoch ? this.#note : undefined;
    const { base, end: sent } = known ?? { base: '', end: null };
    await this.#write({ epoch: segment.epoch, base, sent, end: endBehind(segment) });
  }

  /** The server has the first one. */
  async removeFirst(): Promise<void> {
    const segment = this.#waiting.shift();
    if (segment === undefined) return;
    this.#bytes -= segment.sizeBytes;
    await rm(segment.file, { force: true });
  }

  /** An epoch that has no segment yet. */
  async noteEpoch(epoch: string, base: string): Promise<void> {
    await this.#write({ epoch, base, sent: null, end: null });
  }

  /** Where an epoch ends that somebody else may have written. */
  async noteEnd({ epoch, base, ...end }: ArchiveEnd): Promise<void> {
    await this.#write({ epoch, base, sent: end, end });
  }

  /** Nothing that waits can go into the archive any more; the files stay, for whoever wants to look at them. */
  async putAside(): Promise<void> {
    for (const segment of this.#waiting.splice(0)) await rename(segment.file, `${segment.file}${aside}`);
    this.#bytes = 0;
    this.#note = undefined;
    await rm(join(this.#folder, noteName), { force: true });
    await flushFolder(this.#folder);
  }

  #noted(end: Note['end']): ArchiveEnd | undefined {
    return this.#note === undefined || end === null
      ? undefined
      : { epoch: this.#note.epoch, base: this.#note.base, ...end };
  }

  async #write(note: Note): Promise<void> {
    const file = join(this.#folder, noteName);
    await writeDurably(`${file}.partial`, Buffer.from(`${JSON.stringify(note)}\n`));
    await rename(`${file}.partial`, file);
    await flushFolder(this.#folder);
    this.#note = note;
  }

  async #read(): Promise<void> {
    const note = join(this.#folder, noteName);
    if (existsSync(note)) this.#note = parseNote(await readFile(note, 'utf8'));
    let follows = true;
    for (const name of (await readdir(this.#folder)).sort()) {
      const parsed = parseName(name);
      if (parsed === undefined) continue;
      const file = join(this.#folder, name);
      const segment: WaitingSegment | undefined = follows ? await readWaiting(file, parsed) : undefined;
      follows = segment !== undefined && this.#follows(segment);
      if (segment === undefined || !follows) {
        await rename(file, `${file}${aside}`);
        continue;
      }
      this.#waiting.push(segment);
      this.#bytes += segment.sizeBytes;
    }
  }

  #follows({ previous, epoch }: WaitingSegment): boolean {
    const last = this.#waiting.at(-1);
    return last === undefined || (last.epoch === epoch && last.digest === previous);
  }
}

/** The newest segment in the spool of an archiver, for others to look at; undefined when nothing waits. */
export async function newestInSpool(folder: string): Promise<{ epoch: string; lastTx: number } | undefined> {
  const names = existsSync(folder) ? await readdir(folder) : [];
  return names
    .flatMap((name) => parseName(name) ?? [])
    .sort((a, b) => a.lastTx - b.lastTx)
    .at(-1);
}

function endBehind({ firstTx, lastTx, digest, end, lastNotAfter }: WaitingSegment): NonNullable<Note['end']> {
  return { firstTx, tx: lastTx, digest, position: end, notAfter: lastNotAfter };
}

/** Undefined for one that is not whole: then the server is asked where the archive ends. */
function parseNote(text: string): Note | undefined {
  try {
    return v.parse(noteSchema, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function nameOf({ epoch, firstTx, lastTx, digest }: WaitingSegment): string {
  const number = (tx: number): string => String(tx).padStart(12, '0');
  return `${number(firstTx)}-${number(lastTx)}-${epoch}-${digest}${suffix}`;
}

function parseName(name: string): (SegmentName & { epoch: string }) | undefined {
  const match = /^(\d{12})-(\d{12})-([0-9a-f]{8})-([0-9a-f]{64})\.wseg$/.exec(name);
  if (match === null) return undefined;
  const [, firstTx, lastTx, epoch = '', digest = ''] = match;
  return { firstTx: Number(firstTx), lastTx: Number(lastTx), epoch, digest, merged: null };
}

/** Undefined when the file is not what its name says: a disk that lost it must not be believed. */
async function readWaiting(file: string, name: SegmentName & { epoch: string }): Promise<WaitingSegment | undefined> {
  const bytes = await readFile(file);
  try {
    const { header, footer } = decodeSegment(bytes, name.digest);
    const { salt1, salt2, previous, firstFrame } = header;
    const { lastFrame: frame, checksum1, checksum2, commits } = footer;
    return {
      ...name,
      file,
      previous,
      sizeBytes: bytes.length,
      frames: frame - firstFrame + 1,
      lastNotAfter: commits.at(-1)?.notAfter ?? 0,
      end: { salt1, salt2, frame, checksum1, checksum2 },
    };
  } catch {
    return undefined;
  }
}
