// A second process that commits at a steady rate: argv = database, commits per second (0: as fast as it can), rows per
// commit. Says "ready" on stdout; ends when stdin does and prints { commits, p50, p99, longest, cpuMs } (milliseconds).
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';

const [path, rate = '200', rows = '1'] = process.argv.slice(2);
const db = new Database(path, { timeout: 5000 });
db.pragma('synchronous = NORMAL');
db.exec('CREATE TABLE IF NOT EXISTS ticks (id INTEGER PRIMARY KEY, at REAL, body TEXT)');
const insert = db.prepare('INSERT INTO ticks (at, body) VALUES (?, ?)');
const body = 'x'.repeat(200);
const latencies = [];
let running = true;
process.stdin.resume();
process.stdin.on('end', () => {
  running = false;
});
process.stdout.write('ready\n');
const cpu = process.cpuUsage();
const period = Number(rate) > 0 ? 1000 / Number(rate) : 0;
let due = performance.now();
while (running) {
  const started = performance.now();
  db.exec('BEGIN IMMEDIATE');
  for (let row = 0; row < Number(rows); row++) insert.run(started, body);
  db.exec('COMMIT');
  latencies.push(performance.now() - started);
  due += period;
  const wait = due - performance.now();
  if (wait > 0) await sleep(wait);
  else if (latencies.length % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const used = process.cpuUsage(cpu);
latencies.sort((a, b) => a - b);
const at = (share) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
db.close();
process.stdout.write(
  `${JSON.stringify({
    commits: latencies.length + 0,
    p50: at(0.5),
    p99: at(0.99),
    longest: at(1),
    over5: latencies.filter((ms) => ms > 5).length,
    cpuMs: (used.user + used.system) / 1000,
  })}\n`,
);
