// Loaded into each contender: writes the CPU time of the process to a file when it ends, because wall time on a busy
// machine says little.
import { writeFileSync } from 'node:fs';

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.BENCH_CPU_FILE, String((user + system) / 1000));
});
