import { finding, type HealthCheck } from '../check.ts';
import { rollbackWriterActive } from '../target.ts';

export const journalHot: HealthCheck = {
  id: 'journal.hot',
  sentence: 'no interrupted transaction waits to be rolled back',
  cost: 'cheap',
  run({ target }) {
    const { journal, pageSize } = target;
    if (journal?.header === undefined)
      return { summary: journal === undefined ? 'no journal' : 'journal is not in use' };
    if (rollbackWriterActive(target)) return { summary: 'a transaction is running' };
    const values = { sizeBytes: journal.sizeBytes, pagesBefore: journal.header.initialPageCount };
    if (journal.header.pageSizeBytes !== 0 && journal.header.pageSizeBytes !== pageSize) {
      const message = `the -journal file has pages of ${journal.header.pageSizeBytes} bytes, the database ${pageSize}: it is of another database`;
      const hint = 'copy both files before anything opens the database; see: tradedb health recover --dry-run';
      return {
        summary: message,
        damage: true,
        findings: [finding('journal.hot', 'critical', message, { hint, values })],
      };
    }
    const message = 'a hot -journal is there: a writer died in its transaction, and the next one rolls it back';
    const hint = 'keep database and -journal together; any open for writing recovers it';
    return { summary: message, findings: [finding('journal.hot', 'warning', message, { hint, values })] };
  },
};
