/**
 * A number as the source has it, in whole units: a REAL as number, text or an integer as it is. The frame scales it when
 * the scales are known, and proves each.
 */
export type RawNumber = number | string | bigint;

/** A value that may also be anything a careless writer put into the column; the frame judges it. */
export type RawValue = RawNumber | null | Uint8Array;
