import { columnsOf, type ForeignTable } from './table.ts';

/** The tables of Hummingbot; a release is the version of its database, or a month (2.3 is 202503) where tables came without one. */

export const hummingbotReleases = {
  H1: 20200101,
  H2: 20210118,
  H3: 20210119,
  H4: 20220130,
  H5: 20230516,
  H6: 20230701,
  H7: 20231201,
  H8: 20240301,
  H9: 20240701,
  H10: 20250301,
  H11: 20260101,
} as const;

export const order: ForeignTable = {
  name: 'Order',
  columns: columnsOf(`
    id TEXT NOT NULL PRIMARY KEY
    config_file_path TEXT NOT NULL
    strategy TEXT NOT NULL
    market TEXT NOT NULL
    symbol TEXT NOT NULL
    base_asset TEXT NOT NULL
    quote_asset TEXT NOT NULL
    creation_timestamp BIGINT NOT NULL
    order_type TEXT NOT NULL
    amount FLOAT NOT NULL -20220129
    amount BIGINT NOT NULL @20220130
    leverage INTEGER @20210119
    price FLOAT NOT NULL -20220129
    price BIGINT NOT NULL @20220130
    last_status TEXT NOT NULL
    last_update_timestamp BIGINT NOT NULL
    exchange_order_id TEXT @20210118
    position TEXT @20210119`),
  indexes: ['CREATE INDEX o_config_timestamp_index ON "Order" (config_file_path, creation_timestamp)'],
};

export const orderStatus: ForeignTable = {
  name: 'OrderStatus',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    order_id TEXT NOT NULL
    timestamp BIGINT NOT NULL
    status TEXT NOT NULL`),
  constraints: ['FOREIGN KEY (order_id) REFERENCES "Order" (id)'],
  indexes: ['CREATE INDEX os_order_id_timestamp_index ON "OrderStatus" (order_id, timestamp)'],
};

const fillColumns = `
    config_file_path TEXT NOT NULL
    strategy TEXT NOT NULL
    market TEXT NOT NULL
    symbol TEXT NOT NULL
    base_asset TEXT NOT NULL
    quote_asset TEXT NOT NULL
    timestamp BIGINT NOT NULL
    order_id TEXT NOT NULL
    trade_type TEXT NOT NULL
    order_type TEXT NOT NULL
    price FLOAT NOT NULL -20220129
    price BIGINT NOT NULL @20220130
    amount FLOAT NOT NULL -20220129
    amount BIGINT NOT NULL @20220130
    leverage INTEGER @20210119
    trade_fee JSON NOT NULL
    trade_fee_in_quote BIGINT @20230516
    exchange_trade_id TEXT NOT NULL
    position TEXT @20210119`;

export const oldTradeFill: ForeignTable = {
  name: 'TradeFill',
  until: 20220129,
  columns: columnsOf(`id INTEGER NOT NULL PRIMARY KEY${fillColumns}`),
  constraints: ['FOREIGN KEY (order_id) REFERENCES "Order" (id)'],
};

export const tradeFill: ForeignTable = {
  name: 'TradeFill',
  since: 20220130,
  columns: columnsOf(fillColumns),
  constraints: ['PRIMARY KEY (market, order_id, exchange_trade_id)', 'FOREIGN KEY (order_id) REFERENCES "Order" (id)'],
  indexes: ['CREATE INDEX tf_config_timestamp_index ON "TradeFill" (config_file_path, timestamp)'],
};

export const fundingPayment: ForeignTable = {
  name: 'FundingPayment',
  columns: columnsOf(`
    timestamp BIGINT NOT NULL PRIMARY KEY
    config_file_path TEXT NOT NULL
    market TEXT NOT NULL
    rate FLOAT NOT NULL
    symbol TEXT NOT NULL
    amount FLOAT NOT NULL`),
};

export const marketState: ForeignTable = {
  name: 'MarketState',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    config_file_path TEXT NOT NULL
    market TEXT NOT NULL
    timestamp BIGINT NOT NULL
    saved_state JSON NOT NULL`),
};

export const metadata: ForeignTable = {
  name: 'Metadata',
  since: 20210118,
  columns: columnsOf(`
    key TEXT NOT NULL PRIMARY KEY
    value TEXT NOT NULL`),
};

export const marketData: ForeignTable = {
  name: 'MarketData',
  since: hummingbotReleases.H6,
  columns: columnsOf(`
    timestamp BIGINT NOT NULL PRIMARY KEY
    exchange TEXT NOT NULL
    trading_pair TEXT NOT NULL
    mid_price BIGINT NOT NULL
    best_bid BIGINT NOT NULL
    best_ask BIGINT NOT NULL
    order_book JSON`),
};

export const positionExecutors: ForeignTable = {
  name: 'PositionExecutors',
  since: hummingbotReleases.H7,
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    timestamp BIGINT NOT NULL
    order_level TEXT
    exchange TEXT NOT NULL
    trading_pair TEXT NOT NULL
    side TEXT NOT NULL
    amount BIGINT NOT NULL
    controller_name TEXT`),
};

export const executors: ForeignTable = {
  name: 'Executors',
  since: hummingbotReleases.H8,
  columns: columnsOf(`
    id TEXT NOT NULL PRIMARY KEY
    timestamp FLOAT NOT NULL
    type TEXT NOT NULL
    close_type INTEGER
    close_timestamp BIGINT
    status INTEGER NOT NULL
    config JSON NOT NULL
    net_pnl_quote FLOAT NOT NULL
    is_active BOOLEAN NOT NULL
    custom_info JSON NOT NULL
    controller_id TEXT`),
  indexes: [
    'CREATE INDEX ex_type ON "Executors" (type)',
    'CREATE INDEX ex_type_timestamp ON "Executors" (type, timestamp)',
  ],
};

export const controllers: ForeignTable = {
  name: 'Controllers',
  since: hummingbotReleases.H9,
  columns: columnsOf(`
    id TEXT
    controller_id INTEGER NOT NULL PRIMARY KEY
    timestamp FLOAT NOT NULL
    type TEXT NOT NULL
    config JSON NOT NULL`),
};

export const position: ForeignTable = {
  name: 'Position',
  since: hummingbotReleases.H10,
  columns: columnsOf(`
    id TEXT NOT NULL PRIMARY KEY
    controller_id TEXT NOT NULL
    connector_name TEXT NOT NULL
    side TEXT NOT NULL @20250601
    trading_pair TEXT NOT NULL
    timestamp BIGINT NOT NULL
    volume_traded_quote BIGINT NOT NULL
    amount BIGINT NOT NULL
    breakeven_price BIGINT NOT NULL
    unrealized_pnl_quote BIGINT NOT NULL
    realized_pnl_quote BIGINT NOT NULL @20260101
    cum_fees_quote BIGINT NOT NULL`),
};

export const inventoryCost: ForeignTable = {
  name: 'InventoryCost',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    base_asset VARCHAR(45) NOT NULL
    quote_asset VARCHAR(45) NOT NULL
    base_volume NUMERIC(48, 18) NOT NULL
    quote_volume NUMERIC(48, 18) NOT NULL`),
};

export const rangePositionUpdate: ForeignTable = {
  name: 'RangePositionUpdate',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    hb_id TEXT NOT NULL
    timestamp BIGINT NOT NULL
    tx_hash TEXT
    token_id INTEGER NOT NULL
    trade_fee JSON NOT NULL
    config_file_path TEXT @20260101
    position_address TEXT @20260101`),
};

export const hummingbotTables: readonly ForeignTable[] = [
  metadata,
  order,
  orderStatus,
  oldTradeFill,
  tradeFill,
  fundingPayment,
  marketState,
  marketData,
  positionExecutors,
  executors,
  controllers,
  position,
  inventoryCost,
  rangePositionUpdate,
];
