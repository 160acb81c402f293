export interface LineChange {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Beyond this many comparisons the middle is shown as replaced as a whole. */
const mostComparisons = 4_000_000;

/** Lines of both texts in order: kept, removed, added. */
export function diffLines(before: string, after: string): LineChange[] {
  const left = before.trimEnd().split('\n');
  const right = after.trimEnd().split('\n');
  let head = 0;
  while (head < left.length && head < right.length && left[head] === right[head]) head += 1;
  let tail = 0;
  while (tail < left.length - head && tail < right.length - head && left.at(-1 - tail) === right.at(-1 - tail))
    tail += 1;
  const keep = (lines: readonly string[]): LineChange[] => lines.map((text) => ({ sign: ' ', text }));
  const middle = compareLines(left.slice(head, left.length - tail), right.slice(head, right.length - tail));
  return [...keep(left.slice(0, head)), ...middle, ...keep(left.slice(left.length - tail))];
}

/** By the longest common subsequence. */
function compareLines(left: readonly string[], right: readonly string[]): LineChange[] {
  if (left.length * right.length > mostComparisons) {
    return [
      ...left.map((text) => ({ sign: '-', text }) as const),
      ...right.map((text) => ({ sign: '+', text }) as const),
    ];
  }
  const width = right.length + 1;
  // lengths[i * width + j]: longest common subsequence of left from i and right from j.
  const lengths = new Uint32Array((left.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const changes: LineChange[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      changes.push({ sign: ' ', text: left[i] ?? '' });
      i += 1;
      j += 1;
    } else if (j >= right.length || (i < left.length && at(i + 1, j) >= at(i, j + 1))) {
      changes.push({ sign: '-', text: left[i++] ?? '' });
    } else changes.push({ sign: '+', text: right[j++] ?? '' });
  }
  return changes;
}
