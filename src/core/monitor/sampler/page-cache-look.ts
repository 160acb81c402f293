import { cachedBytes } from '../../file-access/page-cache.ts';

/** It starts a program: what it costs is none of the sampler's business ten times a second. */
const everyMs = 10_000;

/** How much of the database and its WAL is in memory, asked for now and then, beside the looks. */
export class PageCacheLook {
  readonly #paths: readonly string[];
  #askedAt = Number.NEGATIVE_INFINITY;
  #bytes: number | null = null;

  constructor(path: string) {
    this.#paths = [path, `${path}-wal`];
  }

  /** The last answer; null until there is one, and where it cannot be known. */
  bytes(now: number): number | null {
    if (now - this.#askedAt >= everyMs) {
      this.#askedAt = now;
      void cachedBytes(this.#paths).then((bytes) => {
        this.#bytes = bytes ?? null;
      });
    }
    return this.#bytes;
  }
}
