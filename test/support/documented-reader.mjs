// Restores from a repository by docs/formats/repository.md alone: no line of tradedb, no SQLite. It trusts nothing that the
// page says can be checked.
//   node documented-reader.mjs <repository> <database-id> <point-id or epoch:commit> <output>
import { createHash } from 'node:crypto';
import { openSync, readdirSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';

const [repository, databaseId, wanted, output] = process.argv.slice(2);
const root = join(repository, 'db', databaseId);
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const must = (condition, what) => {
  if (!condition) throw new Error(what);
};
const unpack = [(bytes) => bytes, zstdDecompressSync, gunzipSync];

const format = /^(tradedb-repository 1\n[\s\S]*\n)sha256 ([0-9a-f]{64})\n$/.exec(
  readFileSync(join(repository, 'FORMAT'), 'utf8'),
);
must(format !== null && sha256(format[1]) === format[2], 'FORMAT is damaged');
must(/^required$/m.test(format[1]), 'FORMAT requires something that this program does not know');

function manifestOf(id) {
  const folder = join(root, 'points', id);
  const name = readdirSync(folder).find((file) => file.startsWith('manifest-'));
  const bytes = readFileSync(join(folder, name));
  must(name === `manifest-${sha256(bytes)}.json`, `the manifest of ${id} is damaged`);
  return JSON.parse(bytes.toString('utf8'));
}

/** Pages of a pack by their numbers. */
function* pagesOf(file, name, pageSize) {
  const bytes = readFileSync(file);
  must(bytes.subarray(0, 8).toString('latin1') === 'TDBPACK1', 'no pack');
  must(bytes.subarray(-8).toString('latin1') === 'TDBPEND1', 'a pack without an end');
  const length = bytes.readUInt32LE(bytes.length - 44);
  const footer = bytes.subarray(bytes.length - 44 - length, bytes.length - 44);
  must(sha256(footer) === name && sha256(footer) === bytes.subarray(-40, -8).toString('hex'), 'a footer is damaged');
  must(footer.subarray(0, 40).equals(bytes.subarray(0, 40)), 'the header of a pack differs from its footer');
  const count = footer.readUInt32LE(40);
  let at = 44;
  let place = 40;
  for (let chunk = 0; chunk < count; chunk++) {
    const [form, codec] = [footer[at], footer[at + 1]];
    const [storedBytes, plainBytes, pages] = [2, 6, 10].map((offset) => footer.readUInt32LE(at + offset));
    at += 14;
    const numbers =
      form === 0
        ? Array.from({ length: pages }, (_, index) => footer.readUInt32LE(at) + index)
        : Array.from({ length: pages }, (_, index) => footer.readUInt32LE(at + 4 * index));
    at += form === 0 ? 4 : 4 * pages;
    const stored = bytes.subarray(place, place + storedBytes);
    place += storedBytes;
    const plain = unpack[codec](stored);
    must(sha256(stored) === footer.subarray(at, at + 32).toString('hex'), 'a stored chunk is damaged');
    must(sha256(plain) === footer.subarray(at + 32, at + 64).toString('hex'), 'a chunk is damaged');
    must(plain.length === plainBytes && plainBytes === pages * pageSize, 'a chunk has another size');
    at += 64;
    for (const [index, number] of numbers.entries()) {
      yield [number, plain.subarray(index * pageSize, (index + 1) * pageSize)];
    }
  }
}

function restorePoint(id) {
  const chain = [];
  for (let next = id; next !== null; next = chain[0].parentId) chain.unshift(manifestOf(next));
  const { pageSizeBytes, pageCount } = chain.at(-1).database;
  const pages = new Map();
  for (const manifest of chain) {
    for (const { name } of manifest.packs) {
      const file = join(root, 'points', manifest.id, `${name}.pack`);
      for (const [number, bytes] of pagesOf(file, name, pageSizeBytes)) pages.set(number, bytes);
    }
  }
  const image = Buffer.alloc(pageSizeBytes * pageCount);
  for (let number = 1; number <= pageCount; number++) image.set(pages.get(number), (number - 1) * pageSizeBytes);
  writeFileSync(output, image);
}

/** Every frame of the commits after `from` up to `to`, in order. */
function replay(epoch, from, to) {
  const folder = join(root, 'wal', epoch);
  const target = openSync(output, 'r+');
  let size = 0;
  let previous = null;
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.wseg'))
    .sort()) {
    const [, first, , digest] = /^(\d{12})-(\d{12})-([0-9a-f]{64})\.wseg$/.exec(name);
    const bytes = readFileSync(join(folder, name));
    must(sha256(bytes) === digest, `${name} is damaged`);
    const headerLength = bytes.readUInt32LE(8);
    const header = JSON.parse(bytes.subarray(12, 12 + headerLength).toString('utf8'));
    must(header.previous === previous && header.firstTx === Number(first), `${name} does not follow the one before`);
    previous = digest;
    const footerLength = bytes.readUInt32LE(bytes.length - 44);
    const footer = JSON.parse(bytes.subarray(bytes.length - 44 - footerLength, bytes.length - 44).toString('utf8'));
    const frameBytes = 24 + header.pageSizeBytes;
    let tx = header.firstTx;
    let frame = header.firstFrame;
    const end = bytes.length - 44 - footerLength;
    for (let at = 12 + headerLength; at < end; ) {
      const [stored, plain, codec] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4), bytes[at + 8]];
      const frames = unpack[codec](bytes.subarray(at + 9, at + 9 + stored));
      must(frames.length === plain && plain % frameBytes === 0, 'a block has another size');
      at += 9 + stored;
      for (let start = 0; start < plain; start += frameBytes) {
        const page = frames.readUInt32BE(start);
        const body = frames.subarray(start + 24, start + frameBytes);
        if (tx > from && tx <= to) writeSync(target, body, 0, body.length, (page - 1) * header.pageSizeBytes);
        const commit = footer.commits[tx - header.firstTx];
        if (frame === commit.frame) {
          must(frames.readUInt32BE(start + 4) === commit.pages, 'a commit is another one');
          if (tx <= to) size = commit.pages * header.pageSizeBytes;
          tx += 1;
        }
        frame += 1;
      }
    }
    must(tx - 1 === footer.lastTx, `${name} has other commits than its table`);
  }
  truncateSync(output, size);
}

const [epoch, commit] = wanted.split(':');
if (commit === undefined) {
  restorePoint(wanted);
} else {
  const { sha256: digest, ...record } = JSON.parse(readFileSync(join(root, 'wal', epoch, 'epoch.json'), 'utf8'));
  must(digest === undefined || digest === sha256(JSON.stringify(record)), 'the record of the epoch is damaged');
  restorePoint(record.base.pointId);
  replay(epoch, record.base.tx, Number(commit));
}
