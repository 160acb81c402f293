/** What has to be written to turn one screen into another. Pure. */

/** Begin and end of a synchronised update (mode 2026): the terminal shows all of it at once. */
const beginUpdate = '\u001b[?2026h';
const endUpdate = '\u001b[?2026l';

/**
 * The bytes that change `previous` into `next`: only lines that differ are written. Without `previous` the screen is
 * cleared first.
 */
export function diffLines(previous: readonly string[] | undefined, next: readonly string[]): string {
  const parts: string[] = [];
  if (previous === undefined) parts.push('\u001b[2J');
  const rows = Math.max(previous?.length ?? 0, next.length);
  for (let row = 0; row < rows; row += 1) {
    const line = next[row] ?? '';
    if (previous !== undefined && (previous[row] ?? '') === line) continue;
    parts.push(`\u001b[${row + 1};1H${line}\u001b[K`);
  }
  return parts.length === 0 ? '' : `${beginUpdate}${parts.join('')}${endUpdate}`;
}
