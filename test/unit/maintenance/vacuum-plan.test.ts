import { describe, expect, it } from 'vitest';
import { TradedbError } from '../../../src/core/error.ts';
import type { ConnectedProcesses } from '../../../src/core/maintenance/connected.ts';
import type { DatabaseSpace } from '../../../src/core/maintenance/space.ts';
import { pagesToFree } from '../../../src/core/maintenance/space.ts';
import { type PlanOptions, planVacuum } from '../../../src/core/maintenance/vacuum/plan.ts';

const nobody: ConnectedProcesses = { processes: [], unnamed: false, complete: true };
const engine: ConnectedProcesses = {
  processes: [{ pid: 4123, command: 'node engine.js' }],
  unnamed: false,
  complete: true,
};
const hidden: ConnectedProcesses = { processes: [], unnamed: true, complete: true };

function space(parts: Partial<DatabaseSpace> = {}): DatabaseSpace {
  const base = { sizeBytes: 4_096_000, pageSizeBytes: 4096, pageCount: 1000, freePages: 400 };
  return { ...base, autoVacuum: 'none', journalMode: 'wal', ...parts };
}

const options: PlanOptions = { method: 'auto', until: 0.05, convert: 'none', walBudgetBytes: 64 * 1024 * 1024 };

describe('the plan of a vacuum', () => {
  it('does nothing when little would be gained, and says how little', () => {
    const plan = planVacuum(space({ freePages: 50 }), nobody, options);
    expect(plan).toMatchObject({ method: 'none', blocked: false });
    expect(plan.reason).toContain('not worth it: 5.0 %');
  });

  it('works beside writers when auto_vacuum is incremental', () => {
    const plan = planVacuum(space({ autoVacuum: 'incremental' }), engine, options);
    expect(plan).toMatchObject({ method: 'incremental', blocked: false, expected: { freedPages: 369 } });
    expect(plan.needs.databaseFolderBytes).toBe(2 * options.walBudgetBytes);
  });

  it('rewrites and swaps only when nobody is connected', () => {
    expect(planVacuum(space(), nobody, options)).toMatchObject({ method: 'into', expected: { freedPages: 400 } });
    for (const connected of [engine, hidden]) {
      const plan = planVacuum(space(), connected, options);
      expect(plan).toMatchObject({ method: 'none', blocked: true });
      expect(plan.ways.join()).toContain('--to <file>');
    }
    expect(planVacuum(space(), engine, options).reason).toContain('pid 4123 (node engine.js)');
    expect(planVacuum(space(), hidden, options).reason).toContain('cannot be seen from here');
  });

  it('has nothing to free with auto_vacuum full', () => {
    expect(planVacuum(space({ autoVacuum: 'full', freePages: 0 }), nobody, options).method).toBe('none');
  });

  it('refuses an incremental vacuum that SQLite would silently not do', () => {
    const refuse = () => planVacuum(space(), nobody, { ...options, method: 'incremental' });
    expect(refuse).toThrow(TradedbError);
    expect(refuse).toThrow(/auto_vacuum is none/);
    expect(() => planVacuum(space(), nobody, { ...options, method: 'incremental', convert: 'full' })).toThrow(
      /rewrite/,
    );
  });

  it('converts even when nothing is free, and never to what the database is already', () => {
    const full = space({ freePages: 0 });
    expect(planVacuum(full, nobody, { ...options, convert: 'incremental' })).toMatchObject({
      method: 'into',
      convertTo: 'incremental',
    });
    const already = space({ freePages: 0, autoVacuum: 'incremental' });
    expect(planVacuum(already, nobody, { ...options, convert: 'incremental' }).method).toBe('none');
    expect(planVacuum(space(), engine, { ...options, convert: 'incremental' }).blocked).toBe(true);
  });

  it('makes a copy whoever is connected, and does nothing outside of a window', () => {
    expect(planVacuum(space(), engine, { ...options, to: '/x/copy.db' })).toMatchObject({ method: 'copy' });
    const outside = planVacuum(space(), nobody, { ...options, outsideWindowUntil: '2026-03-01T02:00Z' });
    expect(outside).toMatchObject({ method: 'none', blocked: true });
    expect(outside.reason).toContain('2026-03-01T02:00Z');
  });

  it('needs the live pages twice for a plain VACUUM', () => {
    const { needs } = planVacuum(space(), engine, { ...options, method: 'full' });
    expect(needs).toEqual({ databaseFolderBytes: 600 * 4096, temporaryBytes: 600 * 4096, targetBytes: 0 });
  });
});

describe('the pages to free', () => {
  it('leaves at most the wanted share of what remains', () => {
    for (const until of [0, 0.01, 0.05, 0.3, 0.9]) {
      for (const freePages of [0, 1, 49, 50, 51, 400, 1000]) {
        const pages = pagesToFree({ pageCount: 1000, freePages }, until);
        const left = (freePages - pages) / Math.max(1, 1000 - pages);
        expect(pages).toBeGreaterThanOrEqual(0);
        expect(pages).toBeLessThanOrEqual(freePages);
        expect(left).toBeLessThanOrEqual(Math.max(until, 0) + 1e-9);
      }
    }
  });
});
