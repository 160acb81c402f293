import type { FileSource, SourceSystem } from './source.ts';

/** Programs whose SQLite file is known by its tables. A reader is loaded only when it is needed. */
export const sqliteSystems: Readonly<Record<string, () => Promise<SourceSystem>>> = {
  freqtrade: () => import('./freqtrade/system.ts').then(({ freqtrade }) => freqtrade),
  hummingbot: () => import('./hummingbot/system.ts').then(({ hummingbotSystem }) => hummingbotSystem),
  vnpy: () => import('./vnpy/system.ts').then(({ vnpySystem }) => vnpySystem),
};

/** Files that are no database. */
export const fileSources: Readonly<Record<string, () => Promise<FileSource>>> = {
  csv: () => import('./csv/source.ts').then(({ csvSource }) => csvSource),
  ndjson: () => import('./ndjson/source.ts').then(({ ndjsonSource }) => ndjsonSource),
  parquet: () => import('./parquet/source.ts').then(({ parquetSource }) => parquetSource),
};
