// Looks at one metric that is bad, delivers what comes of it, and kills itself with SIGKILL before one step on the file
// system. Arguments: the built program, settings as JSON, number of the step (-1: none).
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { builtCore } from './built-core.mjs';

const [dist, settingsText, stepText] = process.argv.slice(2);
const { load, context } = await builtCore(dist);
const { webhook } = await load('core/alert/channels/webhook.js');
const { deliver } = await load('core/alert/deliver.js');
const { lookAtMetrics } = await load('core/alert/look.js');
let steps = 0;
for (const name of ['writeSync', 'fsyncSync', 'renameSync']) {
  const real = fs[name];
  fs[name] = (...args) => {
    if (steps++ === Number(stepText)) process.kill(process.pid, 'SIGKILL');
    return real(...args);
  };
}
syncBuiltinESMExports();
const { urlFile, metrics, ...settings } = JSON.parse(settingsText);
const channel = webhook({ urlFile, secretFile: undefined, timeoutMs: 10_000 });
const all = {
  ...settings,
  owner: { pid: process.pid, hostname: 'here' },
  channels: [{ name: 'hook', minSeverity: 'warning', channel }],
};
await lookAtMetrics(all, { metrics, expects: () => true }, context);
await deliver(all, context);
