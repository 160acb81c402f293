import { type Connection, type ConnectionPorts, openMemory } from '../../sqlite/connection.ts';

/** Rows of the table; the scan takes a few milliseconds. */
const rows = 30_000;

/** A scan that only the processor and its memory can slow down. */
export const calibrationSql = 'SELECT sum(a * b), max(c) FROM calibration WHERE a % 7 <> 3';

/** A database in memory with the same rows on every machine. The caller closes it. */
export function openCalibration(ports: ConnectionPorts): Connection {
  const connection = openMemory(ports);
  connection.exec(`CREATE TABLE calibration(a INTEGER, b INTEGER, c TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows})
    INSERT INTO calibration SELECT i * 7919 % 10007, i * 104729 % 1299709, printf('%08d', i * 31 % 99991) FROM n`);
  return connection;
}
