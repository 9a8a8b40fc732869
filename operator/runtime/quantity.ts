/**
 * Quantities of Kubernetes, such as `500m` or `1.5Gi`, by what they are worth. The API server stores what somebody wrote
 * in its own words: 2 as "2", 1000m as "1", 0.5 as "500m", 1024Mi as "1Gi".
 */

const DECIMAL: Record<string, number> = { n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY = ['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
const QUANTITY = /^([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?$/;

/** In thousandths, rounded up, as the API server rounds a container's. Undefined when it is no quantity. */
export function thousandths(quantity: unknown): bigint | undefined {
  if (typeof quantity !== 'string' && typeof quantity !== 'number') return undefined;
  const [match, sign, whole = '', fraction = '', exponent = '0', suffix = ''] = QUANTITY.exec(String(quantity)) ?? [];
  if (match === undefined) return undefined;
  const digits = BigInt(sign + whole + fraction) << BigInt(10 * (BINARY.indexOf(suffix) + 1));
  const tens = Number(exponent) + (DECIMAL[suffix] ?? 0) - fraction.length + 3;
  const scale = 10n ** BigInt(Math.abs(tens));
  if (tens >= 0) return digits * scale;
  return digits / scale + (digits % scale > 0n ? 1n : 0n);
}

/** Whether both are worth the same; what is no quantity is the same as itself. */
export function sameQuantity(a: unknown, b: unknown): boolean {
  const worth = thousandths(a);
  return a === b || (worth !== undefined && worth === thousandths(b));
}
