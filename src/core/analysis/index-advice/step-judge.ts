import type { Costs, Objective } from '../cost/meter.ts';
import type { StudiedQuery } from '../cost/studied-query.ts';
import type { SearchParts } from './search-parts.ts';

/** An index smaller than this is never too large for its gain. */
export const freeBytes = 64 * 1024;

/** An index with this share of the columns and bytes of its table is nearly a second copy, and must save this much. */
const copyShare = 0.5;
const copyGain = 0.5;
const fewestCopied = 3;

/** Two executions of the same in one process differ by about this much. */
const timerNoiseMs = 0.002;

/** Absolute slack below which a slower statement is noise. */
const slackMs = 0.02;

/** In an engine without STAT4 the workload may cost this much more than before. */
const plainTolerance = 0.01;

type JudgeParts = Pick<SearchParts, 'queries' | 'limits' | 'meter' | 'sizeOf'>;

interface Slowed {
  readonly studied: StudiedQuery;
  readonly excessMs: number;
}

/** Judges measured arrangements of indexes against the present one. */
export class StepJudge {
  readonly #parts: JudgeParts;
  /** The present arrangement; its times may become more exact. */
  baseline: Objective;

  constructor(parts: JudgeParts, baseline: Objective) {
    this.#parts = parts;
    this.baseline = baseline;
  }

  /** By how much reads exceed their limits, per period. */
  excess(found: Objective): number {
    return this.#slowed(found).reduce((sum, { excessMs }) => sum + excessMs, 0);
  }

  /** The read that exceeds its limit most, with STAT4 or without; undefined when all keep it. */
  slowest(found: Objective): StudiedQuery | undefined {
    return this.slowReads(found)[0];
  }

  /** Reads that exceed their limit, the worst first. */
  slowReads(found: Objective): StudiedQuery[] {
    return this.#slowed(found)
      .sort((a, b) => b.excessMs - a.excessMs)
      .map(({ studied }) => studied);
  }

  /** Reads that exceed their limit by so little that it may be noise. */
  slowedBelow(found: Costs, factor: number): StudiedQuery[] {
    return this.#slowReads(found, this.baseline)
      .map(({ studied }) => studied)
      .filter(({ query: { fingerprint } }) => {
        const [before, after] = [this.baseline, found].map(({ perQuery }) => perQuery.get(fingerprint) ?? 0);
        return (after ?? 0) < (before ?? 0) * this.#parts.limits.maxSlowdown * factor;
      });
  }

  #slowed(found: Objective): Slowed[] {
    const { plain } = this.baseline;
    const slowed = this.#slowReads(found, this.baseline);
    return found.plain === null || plain === null ? slowed : [...slowed, ...this.slowedPlain(found.plain, plain)];
  }

  /** What an engine without STAT4 would do more slowly than allowed: reads, or the workload as a whole. */
  slowedPlain(found: Costs, baseline: Costs): Slowed[] {
    return [...this.#slowReads(found, baseline), ...this.#dearer(found, baseline)];
  }

  /** The statement that adds most stands for a workload that costs more than before. */
  #dearer(found: Costs, baseline: Costs): Slowed[] {
    const excessMs = found.totalMs - baseline.totalMs - this.noise(found, baseline);
    if (excessMs <= baseline.totalMs * plainTolerance) return [];
    const added = ({ query }: StudiedQuery): number =>
      query.weight * ((found.perQuery.get(query.fingerprint) ?? 0) - (baseline.perQuery.get(query.fingerprint) ?? 0));
    const studied = [...this.#parts.queries].sort((a, b) => added(b) - added(a))[0];
    return studied === undefined ? [] : [{ studied, excessMs }];
  }

  #slowReads(found: Costs, baseline: Costs): Slowed[] {
    const { queries, limits } = this.#parts;
    return queries.flatMap((studied) => {
      const { query, isWrite } = studied;
      const before = baseline.perQuery.get(query.fingerprint);
      const after = found.perQuery.get(query.fingerprint);
      if (isWrite || before === undefined || after === undefined) return [];
      if (after <= before * limits.maxSlowdown || after - before <= slackMs) return [];
      return [{ studied, excessMs: query.weight * (after - before * limits.maxSlowdown) }];
    });
  }

  /** Why indexes are not worth their size, given what they save of a cost; undefined when they are. */
  tooLarge(names: readonly string[], gain: number, totalMs: number): string | undefined {
    const { limits, meter, sizeOf } = this.#parts;
    const bytes = meter.bytesOf(names);
    if (bytes <= freeBytes || totalMs === 0) return undefined;
    const saved = gain / totalMs;
    if (saved / (bytes / limits.fileBytes) < limits.gainFloor) return 'too large for what it saves';
    const copies = names.some((name) => {
      const definition = meter.built(name)?.definition;
      if (definition === undefined || definition.where !== undefined) return false;
      const table = sizeOf(definition.table);
      const wide = definition.terms.length >= Math.max(fewestCopied, copyShare * table.columns);
      return wide && meter.bytesOf([name]) > copyShare * table.bytes;
    });
    return copies && saved < copyGain ? 'nearly a second copy of its table' : undefined;
  }

  /** When every query was timed under two plans. */
  get mostNoise(): number {
    return this.#parts.queries.reduce((sum, { query }) => sum + query.weight * timerNoiseMs, 0);
  }

  /** What two measurements of the same would differ by: a little in each query that was timed under two plans. */
  noise(a: Costs, b: Costs): number {
    return this.#parts.queries.reduce((sum, { query }) => {
      const same = a.perQuery.get(query.fingerprint) === b.perQuery.get(query.fingerprint);
      return same ? sum : sum + query.weight * timerNoiseMs;
    }, 0);
  }
}
