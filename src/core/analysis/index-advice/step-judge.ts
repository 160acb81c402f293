import type { Objective } from '../cost/meter.ts';
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

/** While searching, what a read exceeds its limit by counts this often: another index may still put it right. */
const excessFactor = 3;

/** Judges measured arrangements of indexes against the present one. */
export class StepJudge {
  readonly #parts: SearchParts;
  readonly #baseline: Objective;

  constructor(parts: SearchParts, baseline: Objective) {
    this.#parts = parts;
    this.#baseline = baseline;
  }

  /** The cost of an arrangement, with a penalty for each read that is slower than allowed. */
  cost(found: Objective): number {
    return found.totalMs + excessFactor * this.excess(found);
  }

  /** By how much reads exceed their limits, per period. */
  excess(found: Objective): number {
    return this.#slowed(found).reduce((sum, { excessMs }) => sum + excessMs, 0);
  }

  /** The read that exceeds its limit most; undefined when all keep it. */
  slowest(found: Objective): StudiedQuery | undefined {
    return this.#slowed(found).sort((a, b) => b.excessMs - a.excessMs)[0]?.studied;
  }

  #slowed(found: Objective): { studied: StudiedQuery; excessMs: number }[] {
    const { queries, limits } = this.#parts;
    return queries.flatMap((studied) => {
      const { query, isWrite } = studied;
      const before = this.#baseline.perQuery.get(query.fingerprint);
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

  /** What two measurements of the same would differ by: a little in each query that was timed under two plans. */
  noise(a: Objective, b: Objective): number {
    return this.#parts.queries.reduce((sum, { query }) => {
      const same = a.perQuery.get(query.fingerprint) === b.perQuery.get(query.fingerprint);
      return same ? sum : sum + query.weight * timerNoiseMs;
    }, 0);
  }
}
