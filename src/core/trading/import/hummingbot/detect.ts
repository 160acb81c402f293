import type { SourceSystem } from '../source.ts';
import type { SourceSchema } from '../source-schema.ts';

const orderColumns = ['id', 'market', 'symbol', 'creation_timestamp', 'order_type', 'amount', 'price', 'last_status'];
const fillColumns = ['market', 'symbol', 'order_id', 'trade_type', 'price', 'amount', 'trade_fee', 'exchange_trade_id'];

/** What each release brought, newest first. Tables and columns come without a new version, so they are what is read. */
const marks: readonly (readonly [generation: string, label: string, table: string, column: string | undefined])[] = [
  ['H11', '2.13: RangePositionUpdate.position_address', 'RangePositionUpdate', 'position_address'],
  ['H10', '2.3: Position', 'Position', undefined],
  ['H9', '1.27: Controllers', 'Controllers', undefined],
  ['H8', '1.25: Executors', 'Executors', undefined],
  ['H7', '1.22: PositionExecutors', 'PositionExecutors', undefined],
  ['H6', '1.17: MarketData', 'MarketData', undefined],
  ['H5', '20230516: TradeFill.trade_fee_in_quote', 'TradeFill', 'trade_fee_in_quote'],
];
/** From this version on numbers are millionths; the tables lost the id of a fill with the same step. */
const scaledSince = 20_220_130;

/** Whether prices and amounts are millionths: before that, a fill had an id of its own, and numbers were units. */
export const isScaled = (schema: SourceSchema): boolean => !schema.has('TradeFill', 'id');

export const detectHummingbot: SourceSystem['detect'] = (schema) => {
  if (!schema.has('Order', ...orderColumns) || !schema.has('TradeFill', ...fillColumns)) return undefined;
  const { generation, label, evidence } = generationOf(schema);
  const told = versionOf(schema);
  const contradicts = told !== undefined && told >= scaledSince !== isScaled(schema);
  return {
    system: 'hummingbot',
    generation,
    label,
    evidence: ['Order', 'TradeFill', ...evidence, ...(told === undefined ? [] : [`Metadata.local_db_version ${told}`])],
    refused: contradicts
      ? {
          reason: `its version is ${told}, but TradeFill ${isScaled(schema) ? 'has no' : 'still has an'} id: the unit of its numbers is uncertain`,
          hint: 'a migration of Hummingbot was interrupted: start the bot once on a copy, which ends it, or restore its backup',
        }
      : undefined,
  };
};

function generationOf(schema: SourceSchema): { generation: string; label: string; evidence: string[] } {
  if (isScaled(schema)) {
    for (const [generation, label, table, column] of marks) {
      if (!(column === undefined ? schema.has(table) : schema.has(table, column))) continue;
      return { generation, label, evidence: [column === undefined ? table : `${table}.${column}`] };
    }
    return { generation: 'H4', label: '20220130: numbers are millionths', evidence: ['no TradeFill.id'] };
  }
  if (schema.has('Order', 'leverage'))
    return { generation: 'H3', label: '20210119: leverage, position', evidence: ['Order.leverage'] };
  return schema.has('Order', 'exchange_order_id')
    ? { generation: 'H2', label: '20210118: exchange_order_id', evidence: ['Order.exchange_order_id'] }
    : { generation: 'H1', label: 'before 2021: numbers are units', evidence: ['TradeFill.id'] };
}

function versionOf(schema: SourceSchema): number | undefined {
  if (!schema.has('Metadata', 'key', 'value')) return undefined;
  const value = schema.connection.value("SELECT value FROM main.Metadata WHERE key = 'local_db_version'");
  const version = Number(value ?? Number.NaN);
  return Number.isInteger(version) ? version : undefined;
}
