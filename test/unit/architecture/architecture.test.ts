import { describe, expect, it } from 'vitest';
import { type SourceImport, sourceFiles, sourceImports } from '../../support/source-tree.ts';

/** Rooms of src/core and the rooms they may import; everybody may import the ground. See docs/architecture.md. */
const ground = ['context', 'error', 'report', 'config', 'make-folder', 'sync-folder'];
const allowed: Readonly<Record<string, readonly string[]>> = {
  context: [],
  error: [],
  report: [],
  config: ['error'],
  'make-folder': ['error'],
  'sync-folder': [],
  lease: [],
  'run-record': [],
  schedule: [],
  'file-format': [],
  statistics: [],
  'file-access': ['file-format'],
  sqlite: ['statistics'],
  schema: ['sqlite'],
  trading: ['sqlite', 'schema'],
  migration: ['sqlite', 'schema', 'lease'],
  storage: [],
  backup: ['storage', 'sqlite', 'file-access', 'file-format', 'lease'],
  restore: ['backup', 'storage', 'file-access', 'file-format', 'schema', 'sqlite', 'lease'],
  analysis: ['sqlite', 'schema', 'statistics'],
  loadtest: ['trading', 'sqlite', 'statistics', 'file-format'],
  maintenance: ['sqlite', 'file-access', 'file-format', 'lease'],
  monitor: ['file-access', 'file-format', 'sqlite', 'statistics', 'lease'],
  health: ['sqlite', 'schema', 'file-access', 'file-format', 'trading', 'backup'],
  alert: ['lease'],
};

const files = sourceFiles();
const imports = sourceImports();
const isEntry = (path: string): boolean => path.endsWith('-main.ts');

function roomOf(path: string): string | undefined {
  return /^src\/core\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(path)?.[1];
}

function describeImports(list: readonly SourceImport[]): string[] {
  return list.map(({ from, to }) => `${from} imports ${to}`);
}

describe('the house', () => {
  it('knows every room of src/core', () => {
    expect(imports.length).toBeGreaterThan(100);
    const rooms = [...new Set(files.flatMap((file) => roomOf(file.path) ?? []))];
    expect(rooms.filter((room) => !(room in allowed))).toEqual([]);
  });

  it('lets core rooms import only what the architecture allows', () => {
    const broken = imports.filter(({ from, to }) => {
      const room = roomOf(from);
      if (room === undefined || !to.startsWith('src/')) return false;
      const target = roomOf(to);
      // Entries of child processes are composition roots: they may take the real clock and chance.
      if (target === undefined) return !(isEntry(from) && to.startsWith('src/system/'));
      const isGround = ground.includes(target) && !ground.includes(room);
      return target !== room && !isGround && !allowed[room]?.includes(target);
    });
    expect(describeImports(broken)).toEqual([]);
  });

  it('keeps the way cli -> commands -> core', () => {
    const broken = imports.filter(({ from, to }) => {
      if (from.startsWith('src/commands/')) return /^src\/(cli|system|index)/.test(to);
      if (from.startsWith('src/cli/render/')) return /^src\/(cli\/(?!render\/)|system|index)/.test(to);
      if (from.startsWith('src/system/')) return to.startsWith('src/') && to !== 'src/core/context.ts';
      return from.startsWith('src/core/') && /^src\/(cli|commands)\//.test(to);
    });
    expect(describeImports(broken)).toEqual([]);
  });

  it('lets renderers take only types and formats from core, so that drawing never does work', () => {
    const broken = imports.filter(
      ({ from, to, typeOnly }) =>
        from.startsWith('src/cli/render/') &&
        to.startsWith('src/core/') &&
        !typeOnly &&
        !/^src\/core\/(config\/(duration|byte-size)|statistics\/[\w-]+|monitor\/terminal\/[\w-]+)\.ts$/.test(to),
    );
    expect(describeImports(broken)).toEqual([]);
  });

  it('has no cycles', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, lazy } of imports) {
      if (to.startsWith('src/') && !lazy) edges.set(from, [...(edges.get(from) ?? []), to]);
    }
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
        return;
      }
      state.set(path, 'open');
      for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of edges.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('opens SQLite in core/sqlite alone, and loads knex in one place', () => {
    const of = (name: string): string[] => [
      ...new Set(imports.filter(({ to, typeOnly }) => to === name && !typeOnly).map(({ from }) => from)),
    ];
    expect(of('better-sqlite3').filter((path) => !path.startsWith('src/core/sqlite/'))).toEqual([]);
    expect(of('node:sqlite')).toEqual([]);
    expect(of('knex').length).toBeLessThanOrEqual(1);
  });

  it('injects time and chance, and leaves the process to cli', () => {
    const forbidden =
      /(?<![.#\w])(console\.\w|process\.(?!versions)\w|Date\.now\(|new Date\(\)|Math\.random\(|setTimeout\(|setInterval\(|setImmediate\()/;
    const broken = files
      .filter((file) => /^src\/(core|commands)\//.test(file.path) && !isEntry(file.path))
      .flatMap((file) =>
        file.code.split('\n').flatMap((line, index) => {
          const match = forbidden.exec(line);
          return match === null ? [] : [`${file.path}:${index + 1} uses ${match[0]}`];
        }),
      );
    expect(broken).toEqual([]);
  });

  it('has no drawers for odds and ends, no barrels, and no file over 400 lines', () => {
    expect(
      files
        .filter((file) => /(^|\/)(utils?|helpers?|common|manager|misc)(\/|\.ts|-|$)/.test(file.path))
        .map((file) => file.path),
    ).toEqual([]);
    expect(
      files.filter((file) => file.path.endsWith('/index.ts') && file.path !== 'src/index.ts').map((file) => file.path),
    ).toEqual([]);
    expect(files.filter((file) => file.lines > 400).map((file) => `${file.path} ${file.lines}`)).toEqual([]);
  });

  it('names files in kebab-case', () => {
    expect(
      files.filter((file) => !/^src\/(?:[a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(file.path)).map((file) => file.path),
    ).toEqual([]);
  });
});
