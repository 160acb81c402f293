import { columnsOf, type ForeignTable } from './table.ts';

/** The tables of vn.py's SQLite database; a release is written as year and month. */

export const vnpyReleases = { V1: 202108, V2: 202109, V3: 202208 } as const;

const levels = [1, 2, 3, 4, 5];
const book = ['bid_price', 'ask_price', 'bid_volume', 'ask_volume'].flatMap((side) =>
  levels.map((level) => `${side}_${level} REAL${level === 1 ? ' NOT NULL' : ''}`),
);

export const bars: ForeignTable = {
  name: 'dbbardata',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    symbol VARCHAR(255) NOT NULL
    exchange VARCHAR(255) NOT NULL
    datetime DATETIME NOT NULL
    interval VARCHAR(255) NOT NULL
    volume REAL NOT NULL
    turnover REAL NOT NULL @202109
    open_interest REAL NOT NULL
    open_price REAL NOT NULL
    high_price REAL NOT NULL
    low_price REAL NOT NULL
    close_price REAL NOT NULL`),
  indexes: [
    'CREATE UNIQUE INDEX dbbardata_symbol_exchange_interval_datetime ON dbbardata (symbol, exchange, interval, datetime)',
  ],
};

export const ticks: ForeignTable = {
  name: 'dbtickdata',
  columns: columnsOf(`
    id INTEGER NOT NULL PRIMARY KEY
    symbol VARCHAR(255) NOT NULL
    exchange VARCHAR(255) NOT NULL
    datetime DATETIME NOT NULL
    name VARCHAR(255) NOT NULL
    volume REAL NOT NULL
    turnover REAL NOT NULL @202109
    open_interest REAL NOT NULL
    last_price REAL NOT NULL
    last_volume REAL NOT NULL
    limit_up REAL NOT NULL
    limit_down REAL NOT NULL
    open_price REAL NOT NULL
    high_price REAL NOT NULL
    low_price REAL NOT NULL
    pre_close REAL NOT NULL
    ${book.join('\n    ')}
    localtime DATETIME @202109`),
  indexes: ['CREATE UNIQUE INDEX dbtickdata_symbol_exchange_datetime ON dbtickdata (symbol, exchange, datetime)'],
};

const overview = `
    id INTEGER NOT NULL PRIMARY KEY
    symbol VARCHAR(255) NOT NULL
    exchange VARCHAR(255) NOT NULL`;
const span = `
    count INTEGER NOT NULL
    start DATETIME NOT NULL
    end DATETIME NOT NULL`;

export const barOverviews: ForeignTable = {
  name: 'dbbaroverview',
  since: vnpyReleases.V2,
  columns: columnsOf(`${overview}\n    interval VARCHAR(255) NOT NULL${span}`),
};

export const tickOverviews: ForeignTable = {
  name: 'dbtickoverview',
  since: vnpyReleases.V3,
  columns: columnsOf(`${overview}${span}`),
};

export const vnpyTables: readonly ForeignTable[] = [bars, ticks, barOverviews, tickOverviews];
