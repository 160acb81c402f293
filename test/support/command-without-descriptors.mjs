// Opens files until the system gives no more, and then tries the channel "command". Prints what it rejects with.
// Argument: the built program. Run it with a low limit of descriptors.
import { openSync, writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [dist] = process.argv.slice(2);
const load = (file) => import(pathToFileURL(`${dist}/${file}`).href);
const { command } = await load('core/alert/channels/command.js');
const { systemClock } = await load('system/system-clock.js');
const context = { clock: systemClock, signal: new AbortController().signal };
const facts = { id: 'a', database: '/x', group: 'g', createdMs: 0, status: 'firing', severity: 'warning', alerts: [] };
const channel = command({ words: [process.execPath], timeoutMs: 10_000, environment: {}, workingDirectory: '/' });
try {
  for (;;) openSync(process.execPath);
} catch {
  // None are left, which is what this is about.
}
await channel.send(facts, context).catch((error) => writeSync(1, `${error.name}: ${error.message}`));
