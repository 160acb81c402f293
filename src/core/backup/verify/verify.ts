import type { OperationContext } from '../../context.ts';
import { TradedbError, throwIfCancelled } from '../../error.ts';
import { fingerprintBytes } from '../../file-format/page-fingerprint.ts';
import { isUnreachable } from '../../storage/storage-error.ts';
import { ChunkPool } from '../chunk/chunk-pool.ts';
import { type ChunkOutcome, chunkProblemText } from '../chunk/chunk-task.ts';
import { InFlight } from '../chunk/in-flight.ts';
import { type ChunkEntry, packHeader, packHeaderBytes, pageAt, pageCountOf } from '../chunk/pack-format.ts';
import { type PageIndex, stateDigest } from '../chunk/page-index.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { packKey } from '../repository/object-name.ts';
import type { StoredPack } from '../repository/repository.ts';
import { checkStructure, safeLineage } from './structure.ts';
import type { Verification, VerifyLevel, VerifyProblem, VerifyRequest } from './verification.ts';

/** Checks restore points and everything they build on. */
export async function verifyPoints(request: VerifyRequest, context: OperationContext): Promise<Verification> {
  if (request.level === 3) request.repository.requireKey();
  const structure = await checkStructure(request);
  const problems: VerifyProblem[] = [...structure.problems];
  const broken = new Set(problems.map((problem) => problem.key));
  let bytesRead = 0;
  let checked = structure.objects.length;
  if (request.level > 1) {
    const packs = structure.packs.filter(
      ({ key }) => !broken.has(key) && (request.sample >= 1 || context.random.next() < request.sample),
    );
    checked -= structure.packs.filter(({ key }) => !broken.has(key)).length - packs.length;
    const total = packs.reduce((sum, { pack }) => sum + pack.sizeBytes, 0);
    const task = context.progress.start({ id: 'verify', label: 'verifying', unit: 'bytes', total });
    const reader = new PackReader(request, structure.affectedBy, problems);
    try {
      for (const { point, pack } of packs) {
        throwIfCancelled(context.signal);
        await reader.read(point, pack);
        bytesRead += pack.sizeBytes;
        task.advance(pack.sizeBytes);
      }
    } finally {
      await reader.close();
      task.done();
    }
  }
  const keys = (kind: (problem: VerifyProblem) => boolean) => new Set(problems.filter(kind).map(({ key }) => key)).size;
  return {
    level: request.level,
    points: request.points.length,
    objects: {
      total: structure.objects.length,
      checked,
      damaged: keys((problem) => problem.kind !== 'missing'),
      missing: keys((problem) => problem.kind === 'missing'),
    },
    bytesRead,
    problems,
  };
}

/** Reads whole packs: every byte is covered by the digest of a chunk or of the footer. */
class PackReader {
  readonly #request: VerifyRequest;
  readonly #affectedBy: (point: Manifest) => readonly string[];
  readonly #problems: VerifyProblem[];
  readonly #pool: ChunkPool;
  readonly #indexes = new Map<string, PageIndex | null>();

  constructor(request: VerifyRequest, affectedBy: (point: Manifest) => readonly string[], problems: VerifyProblem[]) {
    this.#request = request;
    this.#affectedBy = affectedBy;
    this.#problems = problems;
    this.#pool = new ChunkPool(request.workers);
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async read(point: Manifest, pack: StoredPack): Promise<void> {
    const { repository, level } = this.#request;
    const key = packKey(point.database.id, point.id, pack.name);
    const report = (chunk: number | null, message: string): void => {
      this.#problems.push({ key, chunk, kind: 'damaged', message, affectedPoints: this.#affectedBy(point) });
    };
    const inFlight = new InFlight(this.#pool.size * 2);
    try {
      if (repository.encryption !== null && level === 2) {
        await repository.requireStored(key);
        return;
      }
      // An encrypted pack is read once and whole: that also checks the bytes that no range meets.
      const whole = repository.encryption === null ? undefined : await repository.storage.read(key);
      const read = async (offset: number, length: number): Promise<Uint8Array> =>
        whole === undefined ? repository.storage.read(key, { offset, length }) : whole.slice(offset, offset + length);
      const footer = await repository.packFooter(point, pack);
      const header = await read(0, packHeaderBytes);
      if (Buffer.compare(header, packHeader(footer.salt)) !== 0) report(null, 'its header differs from its footer');
      const index = level === 3 ? await this.#index(point) : null;
      for (const [number, chunk] of footer.chunks.entries()) {
        await inFlight.add(async () => {
          const stored = await read(chunk.offset, chunk.storedBytes);
          const outcome = await this.#pool.run({ ...chunk, stored, ...contentOf(chunk, point, level, index) });
          if (outcome !== null) report(number, describe(outcome));
        });
      }
      await inFlight.finish();
    } catch (error) {
      if (!(error instanceof TradedbError) || isUnreachable(error)) throw error;
      report(null, error.message);
    } finally {
      await inFlight.settle();
    }
  }

  /** The fingerprints of a point; null when they cannot be read, which is reported once. */
  async #index(point: Manifest): Promise<PageIndex | null> {
    const known = this.#indexes.get(point.id);
    if (known !== undefined) return known;
    const { repository, allPoints } = this.#request;
    const lineage = safeLineage(point, new Map(allPoints.map((one) => [one.id, one])));
    const index = await repository.pageIndex(lineage).catch((error: unknown) => {
      if (error instanceof TradedbError && !isUnreachable(error)) return null;
      throw error;
    });
    if (index !== null && stateDigest(index) !== point.digest) {
      const key = `db/${point.database.id}/points/${point.id}`;
      const message = 'the digest of all fingerprints differs from the manifest';
      this.#problems.push({ key, chunk: null, kind: 'damaged', message, affectedPoints: this.#affectedBy(point) });
    }
    this.#indexes.set(point.id, index);
    return index;
  }
}

function contentOf(chunk: ChunkEntry, point: Manifest, level: VerifyLevel, index: PageIndex | null) {
  if (level < 3) return {};
  const content = {
    pages: chunk.pages,
    pageSizeBytes: point.database.pageSizeBytes,
    selected: null,
    expected: index === null ? null : fingerprintsFor(chunk.pages, index),
    writeTo: null,
  };
  return { content };
}

/** Fingerprints of the chunk's pages in their order. */
function fingerprintsFor(pages: ChunkEntry['pages'], index: PageIndex): Uint8Array {
  const count = pageCountOf(pages);
  const expected = new Uint8Array(count * fingerprintBytes);
  for (let slot = 0; slot < count; slot++) {
    const start = (pageAt(pages, slot) - 1) * fingerprintBytes;
    expected.set(index.fingerprints.subarray(start, start + fingerprintBytes), slot * fingerprintBytes);
  }
  return expected;
}

function describe(outcome: Exclude<ChunkOutcome, null>): string {
  const text = chunkProblemText[outcome.problem];
  return outcome.page === undefined ? text : `${text} (page ${outcome.page})`;
}
