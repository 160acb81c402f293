#!/usr/bin/env node
// The native SQLite module kills an older Node with a segmentation fault, so the version is checked before anything
// else is loaded. Written so that even a very old Node can parse it: no import statement, no await.
var version = process.versions.node.split('.').map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 15) || Number(process.versions.napi) < 10) {
  process.stderr.write(
    'error: tradedb needs Node.js 22.15 or newer (this is ' +
      process.version +
      '); install a newer Node.js and try again\n',
  );
  process.exit(78);
} else {
  import('node:module')
    .then((nodeModule) => {
      nodeModule.enableCompileCache();
      return import('../dist/cli/main.js');
    })
    .then((main) => main.main(process.argv.slice(2)))
    .catch((error) => {
      process.stderr.write('error: ' + (error && error.stack ? error.stack : error) + '\n');
      process.exit(1);
    });
}
