// Shared by benches that run something beside a paced writer: the writer, and a way to run a program to its end.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
export const launcher = fileURLToPath(new URL('bin/tradedb.js', root));
const writerScript = fileURLToPath(new URL('test/support/paced-writer.mjs', root));

/** Starts the writer; `stop` gives { commits, p50, p99, longest, over5, cpuMs }. */
export function startWriter(database, commitsPerSecond) {
  const child = spawn(process.execPath, [writerScript, database, String(commitsPerSecond)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const ended = new Promise((resolve) => child.on('close', resolve));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
      if (!output.startsWith('ready\n')) return;
      resolve({
        pid: child.pid,
        stop: async () => {
          child.stdin.end();
          await ended;
          return JSON.parse(output.slice('ready\n'.length));
        },
      });
    });
  });
}

/** Runs Node with these arguments; its stdout. */
export function runNode(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (code) => (code === 0 || code === 3 ? resolve(output) : reject(new Error(`ended with ${code}`))));
  });
}

/** Follows the resident size of a process; the returned function ends that and gives the largest, in MiB (0 without /proc). */
export function watchMemory(pid) {
  let megabytes = 0;
  const watch = setInterval(() => {
    try {
      const found = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
      if (found !== null) megabytes = Math.max(megabytes, Number(found[1]) / 1024);
    } catch {
      // It has just ended, or there is no /proc.
    }
  }, 20);
  return () => {
    clearInterval(watch);
    return megabytes;
  };
}

export function printTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) {
    const cells = row.map((cell, column) =>
      column === 0 ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column]),
    );
    console.log(cells.join('  '));
  }
}
