import type { SourceSystem } from '../source.ts';

/** Columns of `trades` that every release has had, and no other known bot has together. */
const always = ['id', 'exchange', 'pair', 'is_open', 'fee_open', 'open_rate', 'open_date', 'stake_amount'];

/** What each generation brought, newest first: a file is of the newest one whose mark it has. */
const generations: readonly (readonly [name: string, release: string, table: string, column: string | undefined])[] = [
  ['F11', '2026', 'wallet_history', undefined],
  ['F10', '2025.3', 'trades', 'record_version'],
  ['F9', '2024.8', 'trades', 'precision_mode_price'],
  ['F8', '2024.2', 'orders', 'ft_order_tag'],
  ['F7', '2023.9', 'trades', 'is_stop_loss_trailing'],
  ['F6', '2023.1', 'orders', 'ft_amount'],
  ['F5', '2022.8', 'trades', 'contract_size'],
  ['F4', '2022.4', 'trades', 'leverage'],
  ['F3', '2022.2', 'orders', 'ft_fee_base'],
  ['F2', '2021.5', 'orders', 'average'],
  ['F1', '2020.9', 'orders', undefined],
];

/** Freqtrade migrates by adding columns and keeps no version: the newest column tells the release. */
export const detectFreqtrade: SourceSystem['detect'] = (schema) => {
  if (!schema.has('trades', ...always)) return undefined;
  const system = 'freqtrade';
  for (const [generation, release, table, column] of generations) {
    if (!(column === undefined ? schema.has(table) : schema.has(table, column))) continue;
    const mark = column === undefined ? table : `${table}.${column}`;
    return {
      system,
      generation,
      label: `${release}: ${column ?? table}`,
      evidence: ['trades', mark],
      refused: undefined,
    };
  }
  return {
    system,
    generation: 'F0',
    label: 'before 2020.9: no table orders',
    evidence: ['trades'],
    refused: {
      reason: 'freqtrade kept no orders before 2020.9',
      hint: 'start it once with freqtrade 2022.3, which makes the table, and then with a newer one',
    },
  };
};
