import { columnsOf, type ForeignTable } from './table.ts';

/**
 * The tables of freqtrade as its releases had them: names and types of the columns, from the page's list of generations.
 * A release is written as year and month (2024.8 is 202408).
 */

export const generations = {
  F0: 202008,
  F1: 202009,
  F2: 202105,
  F3: 202202,
  F4: 202204,
  F5: 202208,
  F6: 202301,
  F7: 202309,
  F8: 202402,
  F9: 202408,
  F10: 202503,
  F11: 202601,
} as const;

export type FreqtradeGeneration = keyof typeof generations;

export const trades: ForeignTable = {
  name: 'trades',
  columns: columnsOf(`
    id INTEGER NOT NULL
    exchange VARCHAR(25) NOT NULL
    pair VARCHAR(25) NOT NULL
    base_currency VARCHAR(25) @202204
    stake_currency VARCHAR(25) @202204
    is_open BOOLEAN NOT NULL
    fee_open FLOAT NOT NULL
    fee_open_cost FLOAT
    fee_open_currency VARCHAR(25)
    fee_close FLOAT NOT NULL
    fee_close_cost FLOAT
    fee_close_currency VARCHAR(25)
    open_rate FLOAT
    open_rate_requested FLOAT
    open_trade_price FLOAT -202011
    open_trade_value FLOAT @202012
    close_rate FLOAT
    close_rate_requested FLOAT
    realized_profit FLOAT @202208
    close_profit FLOAT
    close_profit_abs FLOAT
    stake_amount FLOAT NOT NULL
    max_stake_amount FLOAT @202212
    amount FLOAT
    amount_requested FLOAT
    open_date DATETIME NOT NULL
    close_date DATETIME
    open_order_id VARCHAR(255) -202308
    stop_loss FLOAT
    stop_loss_pct FLOAT
    initial_stop_loss FLOAT
    initial_stop_loss_pct FLOAT
    is_stop_loss_trailing BOOLEAN @202309
    stoploss_order_id VARCHAR(255) -202401
    stoploss_last_update DATETIME -202401
    max_rate FLOAT
    min_rate FLOAT
    sell_reason VARCHAR(100) -202203
    sell_order_status VARCHAR(100) -202203
    exit_reason VARCHAR(255) @202204
    exit_order_status VARCHAR(100) @202204
    strategy VARCHAR(100)
    buy_tag VARCHAR(100) @202108 -202203
    enter_tag VARCHAR(255) @202204
    timeframe INTEGER
    trading_mode VARCHAR(7) @202204
    amount_precision FLOAT @202208
    price_precision FLOAT @202208
    precision_mode INTEGER @202208
    precision_mode_price INTEGER @202408
    contract_size FLOAT @202208
    leverage FLOAT @202204
    is_short BOOLEAN @202204
    liquidation_price FLOAT @202204
    interest_rate FLOAT @202204
    funding_fees FLOAT @202204
    funding_fee_running FLOAT @202310
    record_version INTEGER @202503`),
  constraints: ['PRIMARY KEY (id)'],
  indexes: ['CREATE INDEX ix_trades_pair ON trades (pair)', 'CREATE INDEX ix_trades_is_open ON trades (is_open)'],
};

export const orders: ForeignTable = {
  name: 'orders',
  since: generations.F1,
  columns: columnsOf(`
    id INTEGER NOT NULL
    ft_trade_id INTEGER NOT NULL
    ft_order_side VARCHAR(25) NOT NULL
    ft_pair VARCHAR(25) NOT NULL
    ft_is_open BOOLEAN NOT NULL
    ft_amount FLOAT @202301
    ft_price FLOAT @202301
    ft_cancel_reason VARCHAR(255) @202310
    order_id VARCHAR(255) NOT NULL
    status VARCHAR(255)
    symbol VARCHAR(25)
    order_type VARCHAR(50)
    side VARCHAR(25)
    price FLOAT
    average FLOAT @202105
    amount FLOAT
    filled FLOAT
    remaining FLOAT
    cost FLOAT
    stop_price FLOAT @202207
    order_date DATETIME
    order_filled_date DATETIME
    order_update_date DATETIME
    funding_fee FLOAT @202209
    ft_fee_base FLOAT @202202
    ft_order_tag VARCHAR(255) @202402`),
  constraints: ['PRIMARY KEY (id)', 'UNIQUE (ft_pair, order_id)', 'FOREIGN KEY (ft_trade_id) REFERENCES trades (id)'],
  indexes: [
    'CREATE INDEX ix_orders_ft_trade_id ON orders (ft_trade_id)',
    'CREATE INDEX ix_orders_order_id ON orders (order_id)',
    'CREATE INDEX ix_orders_ft_is_open ON orders (ft_is_open)',
  ],
};

export const pairlocks: ForeignTable = {
  name: 'pairlocks',
  since: 202010,
  columns: columnsOf(`
    id INTEGER NOT NULL
    pair VARCHAR(25) NOT NULL
    side VARCHAR(25) NOT NULL @202205
    reason VARCHAR(255)
    lock_time DATETIME NOT NULL
    lock_end_time DATETIME NOT NULL
    active BOOLEAN NOT NULL`),
  constraints: ['PRIMARY KEY (id)'],
  indexes: ['CREATE INDEX ix_pairlocks_pair ON pairlocks (pair)'],
};

export const keyValues: ForeignTable = {
  name: 'KeyValueStore',
  since: 202304,
  columns: columnsOf(`
    id INTEGER NOT NULL
    key VARCHAR(25) NOT NULL -202512
    key VARCHAR(50) NOT NULL @202601
    value_type VARCHAR(20) NOT NULL
    string_value VARCHAR(255)
    datetime_value DATETIME
    float_value FLOAT
    int_value INTEGER`),
  constraints: ['PRIMARY KEY (id)'],
  indexes: ['CREATE INDEX "ix_KeyValueStore_key" ON "KeyValueStore" (key)'],
};

export const customData: ForeignTable = {
  name: 'trade_custom_data',
  since: 202403,
  columns: columnsOf(`
    id INTEGER NOT NULL
    ft_trade_id INTEGER NOT NULL
    cd_key VARCHAR(255) NOT NULL
    cd_type VARCHAR(25) NOT NULL
    cd_value TEXT NOT NULL
    created_at DATETIME NOT NULL
    updated_at DATETIME`),
  constraints: ['PRIMARY KEY (id)', 'UNIQUE (ft_trade_id, cd_key)'],
};

export const walletHistory: ForeignTable = {
  name: 'wallet_history',
  since: 202601,
  columns: columnsOf(`
    id INTEGER NOT NULL
    timestamp DATETIME NOT NULL
    currency VARCHAR(25) NOT NULL
    rate FLOAT
    quote_currency VARCHAR(25) NOT NULL
    balance FLOAT NOT NULL
    total_quote FLOAT
    total_position_value FLOAT
    collateral FLOAT
    leverage FLOAT NOT NULL
    bot_managed BOOLEAN NOT NULL`),
  constraints: ['PRIMARY KEY (id)', 'UNIQUE (timestamp, currency)'],
};

export const freqtradeTables: readonly ForeignTable[] = [
  trades,
  orders,
  pairlocks,
  keyValues,
  customData,
  walletHistory,
];
