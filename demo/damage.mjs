import { closeSync, fsyncSync, openSync, readSync, statSync, writeSync } from 'node:fs';

/** Overwrites pages in the second half of a database that nobody has open. Gives the number of pages. */
export function damagePages(path, pages) {
  const file = openSync(path, 'r+');
  try {
    const header = Buffer.alloc(100);
    readSync(file, header, 0, 100, 0);
    const raw = header.readUInt16BE(16);
    const pageSize = raw === 1 ? 65_536 : raw;
    const first = Math.floor(statSync(path).size / pageSize / 2);
    for (let page = first; page < first + pages; page++)
      writeSync(file, Buffer.alloc(pageSize, 0xdb), 0, pageSize, page * pageSize);
    fsyncSync(file);
    return pages;
  } finally {
    closeSync(file);
  }
}
