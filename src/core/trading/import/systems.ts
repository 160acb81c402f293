import type { SourceSystem } from './source.ts';

/** Bots whose SQLite file is known by its tables. A reader is loaded only when it is needed. */
export const sqliteSystems: Readonly<Record<string, () => Promise<SourceSystem>>> = {
  freqtrade: () => import('./freqtrade/system.ts').then(({ freqtrade }) => freqtrade),
};
