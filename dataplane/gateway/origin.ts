/**
 * Which pages may open a WebSocket. No cookie ever authenticates one, so a foreign page gains nothing without a ticket
 * or token; this is the second lock. Clients that are no browser send no Origin. Pure.
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  return host !== undefined && new URL(origin).host === host;
}
