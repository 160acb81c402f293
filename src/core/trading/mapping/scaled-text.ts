const wholeNumber = /^[+-]?\d+(?:\.0*)?$/;

/**
 * Decimal text of a value that counts units of 10^-scale: 1234567 at scale 6 is "1.234567". A whole REAL is taken, because
 * columns that were declared FLOAT keep integers so; `undefined` for anything that is not whole.
 */
export function scaledText(value: unknown, scale: number): string | undefined {
  if (typeof value === 'bigint') return shifted(value.toString(), scale);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? shifted(String(value), scale) : undefined;
  if (typeof value !== 'string' || !wholeNumber.test(value)) return undefined;
  return shifted(value.replace(/^\+|\..*$/g, ''), scale);
}

function shifted(whole: string, scale: number): string {
  if (scale === 0) return whole;
  const isNegative = whole.startsWith('-');
  const digits = (isNegative ? whole.slice(1) : whole).padStart(scale + 1, '0');
  return `${isNegative ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
