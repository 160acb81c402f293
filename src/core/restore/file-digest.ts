import { open } from 'node:fs/promises';
import { stateDigest } from '../backup/chunk/page-index.ts';
import type { OperationContext } from '../context.ts';
import { throwIfCancelled } from '../error.ts';
import { fingerprintBytes, writeFingerprints } from '../file-format/page-fingerprint.ts';

const pagesPerRead = 256;

/** State digest of a file that nobody writes; undefined when it is no whole number of pages. */
export async function digestOfFile(
  path: string,
  pageSizeBytes: number,
  context: OperationContext,
): Promise<string | undefined> {
  const file = await open(path, 'r');
  try {
    const pageCount = (await file.stat()).size / pageSizeBytes;
    if (!Number.isInteger(pageCount)) return undefined;
    const fingerprints = new Uint8Array(pageCount * fingerprintBytes);
    const buffer = new Uint8Array(pagesPerRead * pageSizeBytes);
    for (let page = 0; page < pageCount; page += pagesPerRead) {
      throwIfCancelled(context.signal);
      const wanted = Math.min(pagesPerRead, pageCount - page) * pageSizeBytes;
      const { bytesRead } = await file.read(buffer, 0, wanted, page * pageSizeBytes);
      if (bytesRead !== wanted) return undefined;
      writeFingerprints(buffer.subarray(0, wanted), pageSizeBytes, fingerprints, page * fingerprintBytes);
    }
    return stateDigest({ pageSizeBytes, pageCount, fingerprints });
  } finally {
    await file.close();
  }
}
