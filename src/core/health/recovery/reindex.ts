import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { pageType } from '../../file-format/btree-page.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { type VoteResult, voteOnIndexes } from '../sql/index-vote.ts';
import type { Inspection } from './inspection.ts';
import { materialize } from './materialize.ts';

/**
 * Rebuilds indexes from their tables, on a copy, after a vote: where an index could be right and the table wrong, this
 * would make the wrong value permanent. The copy is then written out compactly, without what was left of the old trees.
 */
export function reindexInto(inspection: Inspection, resultPath: string, context: OperationContext): VoteResult {
  const { source, byTree } = inspection;
  const work = `${resultPath}-reindex`;
  try {
    materialize(source, work, context);
    const settings = { ...fullProfile, foreignKeys: false };
    const damaged = byTree.indexes.map(({ entry }) => entry);
    const connection = openReadWrite(work, settings, context);
    let votes: VoteResult;
    try {
      votes = voteOnIndexes(connection);
    } finally {
      connection.close();
    }
    refuseConflicts(votes);
    // SQLite cannot clear a tree whose pages are damaged: its root becomes an empty leaf, the rest is left behind.
    for (const { rootPage } of damaged) emptyIndexRoot(work, rootPage, source);
    const repaired = openReadWrite(work, settings, context);
    try {
      for (const name of new Set([...damaged.map((entry) => entry.name), ...votes.votes.map(({ index }) => index)])) {
        repaired.exec(`REINDEX ${quoteIdentifier(name)}`);
      }
      repaired.run('VACUUM INTO ?', [resultPath]);
    } finally {
      repaired.close();
    }
    return votes;
  } finally {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${work}${suffix}`, { force: true });
  }
}

function refuseConflicts({ votes }: VoteResult): void {
  const against = votes.find(({ verdict }) => verdict !== 'index');
  if (against === undefined) return;
  const why =
    against.verdict === 'conflict' ? 'nobody can tell which is right' : 'other indexes agree against the table';
  throw new TradedbError(
    'unsupported',
    `REINDEX is refused: index ${against.index} and table ${against.table} disagree (${against.samples[0]}), and ${why}`,
    {
      hint: 'compare the rows with a backup or with the venue first; see: tradedb health check --only index.vote --tier deep',
    },
  );
}

function emptyIndexRoot(path: string, root: number, { pageSize, usableSize }: Inspection['source']): void {
  const page = new Uint8Array(pageSize);
  page[0] = pageType.indexLeaf;
  page[5] = (usableSize >> 8) & 0xff;
  page[6] = usableSize & 0xff;
  const file = openSync(path, 'r+');
  try {
    writeSync(file, page, 0, pageSize, (root - 1) * pageSize);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
