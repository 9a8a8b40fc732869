/** What every part of a node agent shares. */
import type { Logger } from 'pino';
import type { Zone } from '../layout.ts';
import type { Addresses } from './addresses.ts';
import type { ApiClient } from './api-client.ts';
import type { BackOffPolicy } from './backoff.ts';
import type { Events } from './events.ts';

export interface NodeContext {
  api: ApiClient;
  /** Where containers find the API server. */
  apiHost: string;
  apiPort: number;
  /** The cluster's state folder. */
  dir: string;
  zone: Zone;
  /** User id of containers that name none: the zone's, or 0 when the checkout is closed to it. */
  uid: number;
  addresses: Addresses;
  backOff: BackOffPolicy;
  events: Events;
  log: Logger;
}
