/** Every column of freqtrade's tables up to 2026; what a file has beyond them is newer. */
const lists: Readonly<Record<string, string>> = {
  trades: `id exchange pair base_currency stake_currency is_open fee_open fee_open_cost fee_open_currency fee_close
    fee_close_cost fee_close_currency open_rate open_rate_requested open_trade_price open_trade_value close_rate
    close_rate_requested realized_profit close_profit close_profit_abs stake_amount max_stake_amount amount
    amount_requested open_date close_date open_order_id stop_loss stop_loss_pct initial_stop_loss
    initial_stop_loss_pct is_stop_loss_trailing stoploss_order_id stoploss_last_update max_rate min_rate sell_reason
    sell_order_status exit_reason exit_order_status strategy buy_tag enter_tag timeframe trading_mode
    amount_precision price_precision precision_mode precision_mode_price contract_size leverage is_short
    liquidation_price interest_rate funding_fees funding_fee_running record_version`,
  orders: `id ft_trade_id ft_order_side ft_pair ft_is_open ft_amount ft_price ft_cancel_reason order_id status symbol
    order_type side price average amount filled remaining cost stop_price order_date order_filled_date
    order_update_date funding_fee ft_fee_base ft_order_tag`,
  pairlocks: 'id pair side reason lock_time lock_end_time active',
  KeyValueStore: 'id key value_type string_value datetime_value float_value int_value',
  trade_custom_data: 'id ft_trade_id cd_key cd_type cd_value created_at updated_at',
};

export const knownColumns: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(lists).map(([table, list]) => [table, new Set(list.split(/\s+/))]),
);
