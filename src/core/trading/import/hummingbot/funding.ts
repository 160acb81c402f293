import type { SourceStream } from '../source.ts';
import { tableRows } from '../table-rows.ts';
import { held, type Mapped } from '../unit.ts';
import type { HummingbotFile } from './ports.ts';

export const fundingTable = 'FundingPayment';
const columns = ['timestamp', 'market', 'symbol', 'rate', 'amount', 'config_file_path'] as const;

/**
 * Payments of perpetual contracts. The unit of their time is that of each connector, so it is seen by its size. Two
 * payments of one instant overwrote each other at the source.
 */
export function funding(file: HummingbotFile): SourceStream {
  return {
    name: 'funding',
    table: fundingTable,
    columns,
    rows: tableRows(file.schema, { table: fundingTable, columns, key: ['timestamp'] }),
    mutable: false,
    externalId: (row) => String(row[0]),
    map(row): Mapped {
      const [timestamp = null, market = null, symbol = null, rate = null, amount = null] = row;
      const externalId = String(timestamp);
      const dueUs = file.time.read(timestamp);
      if (Number.isNaN(dueUs)) {
        return held(
          externalId,
          file.time.outcome === 'time_out_of_range' ? 'time_out_of_range' : 'bad_time',
          externalId,
        );
      }
      const instrument = file.instrument(market, symbol);
      if (instrument === undefined) return held(externalId, 'bad_text', 'market or symbol');
      return {
        kind: 'funding',
        externalId,
        account: file.account(market, null),
        instrument,
        dueUs,
        rate,
        amount,
        related: undefined,
      };
    },
  };
}
