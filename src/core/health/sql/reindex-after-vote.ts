import { TradedbError } from '../../error.ts';
import { type ConnectionSettings, openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import { quoteIdentifier } from '../../sqlite/quote-identifier.ts';
import { voteOnIndexes } from './index-vote.ts';

/** Rebuilds indexes of a live database in one transaction, in which they lose the vote once more. Says what was done. */
export function reindexAfterVote(path: string, indexes: readonly string[], settings: ConnectionSettings): string {
  const connection = openReadWrite(path, { ...fullProfile, foreignKeys: false }, settings);
  try {
    return connection.tx(() => {
      const { votes } = voteOnIndexes(connection);
      const against = votes.find(({ verdict }) => verdict !== 'index');
      if (against !== undefined) {
        throw new TradedbError(
          'unsupported',
          `index ${against.index} and table ${against.table} disagree, with a conflict`,
        );
      }
      const names = indexes.filter((name) => votes.some(({ index }) => index === name));
      for (const name of names) connection.exec(`REINDEX ${quoteIdentifier(name)}`);
      return names.length === 0 ? 'all indexes agree again' : `built again: ${names.join(', ')}`;
    });
  } finally {
    connection.close();
  }
}
