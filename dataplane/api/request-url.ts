/** The URL by which a client reached us: what rtm.connect and auth.test send it back to. Pure. */

export interface RequestOrigin {
  /** Host header, with its port. */
  host: string | undefined;
  forwardedHost: string | undefined;
  forwardedProto: string | undefined;
}

const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;

/** `http(s)://host[:port]` without a path; `fallback` when the headers hold no host that can be one. */
export function originOf(request: RequestOrigin, fallback: string): string {
  const host = first(request.forwardedHost) ?? request.host;
  if (host === undefined || !HOST.test(host)) return fallback;
  return `${first(request.forwardedProto) === 'https' ? 'https' : 'http'}://${host}`;
}

/** The leftmost of a list that proxies append to. */
const first = (header: string | undefined): string | undefined => header?.split(',')[0]?.trim() || undefined;

export const webSocketOrigin = (origin: string): string => origin.replace(/^http/, 'ws');
