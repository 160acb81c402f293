/** Why a row of a source stays out of the target: the closed list of docs/import.md. Such a row is kept in quarantine. */
export const reasons = [
  'bad_number',
  'precision_exceeds_scale',
  'value_out_of_range',
  'qty_zero',
  'price_missing',
  'price_not_positive',
  'bad_time',
  'time_out_of_range',
  'bad_json',
  'bad_text',
  'orphan',
  'parent_held',
  'wrong_parent',
  'duplicate_conflict',
  'overfilled',
  'rejected_with_fill',
  'status_unknown',
  'side_unknown',
  'inverse_contract',
  'not_an_order',
  'ohlc_broken',
  'unknown_interval',
  'source_changed',
] as const;

export type Reason = (typeof reasons)[number];
