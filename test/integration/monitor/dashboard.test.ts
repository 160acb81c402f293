import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import { QueryStatistics } from '../../../src/core/monitor/queries/query-statistics.ts';
import { runDashboard, streamSamples } from '../../../src/core/monitor/terminal/dashboard.ts';
import type { TerminalPort } from '../../../src/core/monitor/terminal/terminal-port.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const pair = { warning: Number.MAX_SAFE_INTEGER, critical: Number.MAX_SAFE_INTEGER };
const limits = { databaseSize: pair, walSize: pair, backupAge: pair, freeSpace: { warning: 0, critical: 0 } };

function request(): Parameters<typeof runDashboard>[0] {
  const path = join(temporaryFolder(), 'trading.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE t (a)');
  onTestFinished(() => void db.close());
  const sampler = {
    path,
    intervalMs: 50,
    pinnedAfterMs: 1000,
    lockIntervalMs: 50,
    maxCpuShare: 1,
    attribution: 'frames' as const,
  };
  const past = { read: () => undefined, jobs: () => [], alerts: () => undefined };
  const queries = new QueryStatistics(join(path, '..', 'queries'), path, systemClock);
  const leases = { directory: join(path, '..', 'leases'), owner: { pid: 1, hostname: 'here' } };
  return {
    sampler,
    limits,
    leases,
    newestBackup: async () => undefined,
    refreshMs: 50,
    view: 'overview',
    rangeMs: 3_600_000,
    past,
    queries,
    probe: undefined,
  };
}

class Recorder implements TerminalPort {
  interactive = true;
  color = false;
  columns = 80;
  rows = 24;
  written: string[] = [];
  events: string[] = [];
  key = (_key: string): void => {};
  resize = (): void => {};
  onWrite = (_text: string): void => {};
  write(text: string): void {
    this.written.push(text);
    this.onWrite(text);
  }
  onKey(listener: (key: string) => void): void {
    this.key = listener;
  }
  onResize(listener: () => void): void {
    this.resize = listener;
  }
  open(): void {
    this.events.push('open');
  }
  close(): void {
    this.events.push('close');
  }
}

/** Calls `act` once a screen with `text` was written. */
function when(terminal: Recorder, text: string, act: () => void): void {
  terminal.onWrite = (written) => {
    if (!written.includes(text)) return;
    terminal.onWrite = () => {};
    act();
  };
}

describe('the dashboard', () => {
  it('draws, changes with keys and size, and gives the terminal back on q', async () => {
    const terminal = new Recorder();
    when(terminal, 'commits/s', () => {
      terminal.key('4');
      when(terminal, '120x30', () => {});
      terminal.columns = 120;
      terminal.resize();
      terminal.key('q');
    });
    const summary = await runDashboard(request(), terminal, testContext());
    expect(terminal.events).toEqual(['open', 'close']);
    const all = terminal.written.join('');
    expect(all).toContain('trading.db');
    expect(all).toContain('frames/s written');
    expect(all.split('\u001b[2J')).toHaveLength(3);
    expect(summary.latest?.mode).toBe('wal');
    expect(summary.samples).toBeGreaterThan(0);
  });

  it('looks back in time, and marks and opens a table', async () => {
    const terminal = new Recorder();
    const asked = request();
    const db = new Database(asked.sampler.path);
    onTestFinished(() => void db.close());
    db.exec('INSERT INTO t VALUES (1)');
    let step = 0;
    terminal.onWrite = () => {
      const all = terminal.written.join('');
      // Two seconds have to be there before anything can lie behind.
      if (step === 0 && all.includes('commits/s')) {
        step = 1;
        setTimeout(() => {
          terminal.key('left');
          step = 2;
          terminal.key('escape');
          terminal.key('2');
          terminal.key('enter');
          terminal.key('q');
        }, 2500);
      }
    };
    await runDashboard(asked, terminal, testContext());
    const all = terminal.written.join('');
    expect(step).toBe(2);
    expect(all).toMatch(/\d\.\ds ago/);
    expect(all).toContain('overflow pages are not counted');
  });

  it('keeps the screen while it is paused', async () => {
    const terminal = new Recorder();
    when(terminal, 'commits/s', () => {
      terminal.key('p');
      const count = terminal.written.length;
      setTimeout(() => {
        expect(terminal.written).toHaveLength(count);
        terminal.key('q');
      }, 300);
    });
    await runDashboard(request(), terminal, testContext());
    expect(terminal.written.join('')).toContain('paused');
  });

  it('gives the terminal back when it is interrupted, and when drawing fails', async () => {
    const controller = new AbortController();
    const terminal = new Recorder();
    when(terminal, 'commits/s', () => controller.abort());
    await runDashboard(request(), terminal, testContext({ signal: controller.signal }));
    expect(terminal.events).toEqual(['open', 'close']);

    const broken = new Recorder();
    broken.onWrite = () => {
      throw new Error('the terminal is gone');
    };
    await expect(runDashboard(request(), broken, testContext())).rejects.toThrow('the terminal is gone');
    expect(broken.events).toEqual(['open', 'close']);
  });

  it('gives one JSON line per sample without a terminal', async () => {
    const controller = new AbortController();
    const lines: string[] = [];
    const summary = await streamSamples(
      request(),
      (line) => {
        lines.push(line);
        if (lines.length === 3) controller.abort();
      },
      testContext({ signal: controller.signal }),
    );
    expect(summary.samples).toBeGreaterThanOrEqual(3);
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ type: 'sample', mode: 'wal' });
  });
});
