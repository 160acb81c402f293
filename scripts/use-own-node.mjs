// Removes the Node that the development dependency "node" put into node_modules/.bin, so that npm scripts run with the
// Node of the machine. For the CI matrix: each version must test itself.
import { globSync, rmSync } from 'node:fs';

for (const path of globSync('node_modules/.bin/node{,.cmd,.ps1,.exe}')) rmSync(path);
process.stdout.write(`npm scripts now use Node ${process.version}\n`);
