import * as v from 'valibot';
import { connectionSection, databaseSection } from './section/database.ts';
import { healingSection } from './section/healing.ts';
import { importSection } from './section/import.ts';
import { loadtestSection } from './section/loadtest.ts';
import { monitorSection } from './section/monitor.ts';
import {
  alertsSection,
  analyzeSection,
  healthSection,
  maintenanceSection,
  recoverySection,
  stateSection,
  tradingSection,
} from './section/observation.ts';
import { backupSection, migrationsSection, restoreSection, schedulesSection } from './section/operations.ts';

/** The whole of tradedb.config.json. Every key has a default, so an empty object is a valid file. */
export const configSchema = v.strictObject(
  {
    $schema: v.optional(v.pipe(v.string('expected a text'), v.description('JSON Schema for editors'))),
    database: databaseSection,
    connection: connectionSection,
    migrations: migrationsSection,
    backup: backupSection,
    restore: restoreSection,
    schedules: schedulesSection,
    maintenance: maintenanceSection,
    analyze: analyzeSection,
    health: healthSection,
    recovery: recoverySection,
    healing: healingSection,
    alerts: alertsSection,
    monitor: monitorSection,
    loadtest: loadtestSection,
    trading: tradingSection,
    import: importSection,
    state: stateSection,
  },
  'expected an object',
);

/** Durations are milliseconds, sizes bytes, shares fractions. */
export type Config = v.InferOutput<typeof configSchema>;
