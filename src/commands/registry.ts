import type { AnyCommand } from './definition.ts';

type Load = () => Promise<{ readonly definition: AnyCommand }>;

export interface CommandGroup {
  readonly name: string;
  readonly summary: string;
  /** What the bare command does: a subcommand, or the only thing a command without subcommands can do. */
  readonly bare: string | undefined;
  readonly commands: Readonly<Record<string, Load>>;
}

/** The command tree. A definition is loaded only when it is needed. A group whose bare name is its own has no subcommands. */
export const registry: readonly CommandGroup[] = [
  {
    name: 'init',
    summary:
      'make a database with the trading schema and its configuration; fill it with a sample market; print schedules',
    bare: 'init',
    commands: { init: () => import('./init/init.ts') },
  },
  {
    name: 'analyze',
    summary: 'find where the bytes are, which plans are slow, and which indexes and settings to change',
    bare: 'report',
    commands: {
      report: () => import('./analyze/report.ts'),
      space: () => import('./analyze/space.ts'),
      settings: () => import('./analyze/settings.ts'),
      queries: () => import('./analyze/queries.ts'),
      indexes: () => import('./analyze/indexes.ts'),
      baseline: () => import('./analyze/baseline.ts'),
      compare: () => import('./analyze/compare.ts'),
    },
  },
  {
    name: 'vacuum',
    summary: 'give space back, checkpoint, refresh statistics',
    bare: 'run',
    commands: {
      run: () => import('./vacuum/run.ts'),
      checkpoint: () => import('./vacuum/checkpoint.ts'),
      optimize: () => import('./vacuum/optimize.ts'),
      archive: () => import('./vacuum/archive.ts'),
      history: () => import('./vacuum/history.ts'),
    },
  },
  {
    name: 'migrate',
    summary: 'bring the schema from one version to the next, and back',
    bare: undefined,
    commands: {
      up: () => import('./migrate/up.ts'),
      down: () => import('./migrate/down.ts'),
      status: () => import('./migrate/status.ts'),
      plan: () => import('./migrate/plan.ts'),
      create: () => import('./migrate/create.ts'),
      lint: () => import('./migrate/lint.ts'),
      drift: () => import('./migrate/drift.ts'),
      verify: () => import('./migrate/verify.ts'),
      resolve: () => import('./migrate/resolve.ts'),
      baseline: () => import('./migrate/baseline.ts'),
      dump: () => import('./migrate/dump.ts'),
      undo: () => import('./migrate/undo.ts'),
      squash: () => import('./migrate/squash.ts'),
      import: () => import('./migrate/import.ts'),
      'import-history': () => import('./migrate/import-history.ts'),
    },
  },
  {
    name: 'loadtest',
    summary: 'put load on a copy of a database and measure it',
    bare: 'run',
    commands: {
      run: () => import('./loadtest/run.ts'),
      knee: () => import('./loadtest/knee.ts'),
      compare: () => import('./loadtest/compare.ts'),
      durability: () => import('./loadtest/durability.ts'),
    },
  },
  {
    name: 'backup',
    summary: 'make consistent backups of a live database, list them and check them',
    bare: 'create',
    commands: {
      create: () => import('./backup/create.ts'),
      list: () => import('./backup/list.ts'),
      show: () => import('./backup/show.ts'),
      verify: () => import('./backup/verify.ts'),
      prune: () => import('./backup/prune.ts'),
      archive: () => import('./backup/archive.ts'),
      mark: () => import('./backup/mark.ts'),
      upgrade: () => import('./backup/upgrade.ts'),
    },
  },
  {
    name: 'restore',
    summary: 'bring a backup back, or prove that it can be brought back',
    bare: 'run',
    commands: {
      run: () => import('./restore/run.ts'),
      drill: () => import('./restore/drill.ts'),
      table: () => import('./restore/table.ts'),
      follow: () => import('./restore/follow.ts'),
    },
  },
  {
    name: 'health',
    summary: 'find damage and trouble early, and get the data back',
    bare: 'check',
    commands: {
      check: () => import('./health/check.ts'),
      rules: () => import('./health/rules.ts'),
      audit: () => import('./health/audit.ts'),
      recover: () => import('./health/recover.ts'),
    },
  },
  {
    name: 'monitor',
    summary: 'watch a database that others use, without opening it',
    bare: 'dashboard',
    commands: {
      dashboard: () => import('./monitor/dashboard.ts'),
      sample: () => import('./monitor/sample.ts'),
      serve: () => import('./monitor/serve.ts'),
      alerts: () => import('./monitor/alerts.ts'),
      metrics: () => import('./monitor/metrics.ts'),
    },
  },
  {
    name: 'config',
    summary: 'show, check and describe the configuration',
    bare: 'show',
    commands: {
      show: () => import('./config/show.ts'),
      check: () => import('./config/check.ts'),
      schema: () => import('./config/schema.ts'),
    },
  },
  {
    name: 'completion',
    summary: 'print a completion script for the shell',
    bare: 'completion',
    commands: { completion: () => import('./completion/completion.ts') },
  },
];

export function findGroup(name: string): CommandGroup | undefined {
  return registry.find((group) => group.name === name);
}

/** Words of every command, such as `backup create` or `init`. */
export function commandWords(group: CommandGroup): readonly string[] {
  return Object.keys(group.commands).map((name) => (name === group.name ? name : `${group.name} ${name}`));
}
