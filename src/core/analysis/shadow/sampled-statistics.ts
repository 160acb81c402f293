/**
 * Statistics of an index over a whole table from those of the same index over every K-th row. Rows of sqlite_stat1 read
 * "rows, mean rows per distinct prefix ..."; those of sqlite_stat4 count rows equal to and below a sample.
 */

/** `5000 250 1` of a sample, scaled by `factor`. */
export function scaleStat1(stat: string, factor: number): string {
  const [first, ...rest] = stat.split(' ');
  const sampleRows = Number(first);
  if (!Number.isFinite(sampleRows) || sampleRows === 0) return stat;
  const rows = sampleRows * factor;
  const scaled = rest.map((word) => {
    const perKey = Number(word);
    // Words such as "unordered" or "noskipscan" stand behind the figures.
    if (!Number.isFinite(perKey) || perKey <= 0) return word;
    return String(Math.max(1, Math.round(rows / scaleDistinct(sampleRows / perKey, sampleRows, factor))));
  });
  return [String(Math.round(rows)), ...scaled].join(' ');
}

/** Distinct values of the whole from those of a sample: a key that is unique in the sample is taken as unique. */
export function scaleDistinct(distinct: number, sampleRows: number, factor: number): number {
  if (distinct >= sampleRows * 0.999) return sampleRows * factor;
  if (distinct < sampleRows / 2) {
    const growth = Math.min(factor, Math.max(1, 1 + (distinct / sampleRows) * (factor - 1)));
    return distinct * growth;
  }
  return distinct * factor;
}

/** Counts of a stat4 row: rows grow with the table, distinct keys below stay. */
export function scaleStat4(counts: string, factor: number, kind: 'neq' | 'nlt' | 'ndlt'): string {
  if (kind === 'ndlt') return counts;
  return counts
    .split(' ')
    .map((word) => {
      const count = Number(word);
      return String(kind === 'neq' && count <= 1 ? count : Math.round(count * factor));
    })
    .join(' ');
}
