/** Right histories made at random, for the checker's tests. */
import fc from 'fast-check';
import type { HistoryRecord, LogRow } from './records.ts';

export const tsOf = (n: number): string => `1700000000.${String(n).padStart(6, '0')}`;

export const eventOf = (row: LogRow): Extract<HistoryRecord, { kind: 'event' }> => ({
  kind: 'event',
  topic: row.topic,
  seq: row.seq,
  ts: row.ts,
  type: row.type,
  ...(row.client_msg_id === undefined ? {} : { client_msg_id: row.client_msg_id }),
  ...(row.hash === undefined ? {} : { hash: row.hash }),
});

export interface Built {
  log: LogRow[];
  clients: Map<string, HistoryRecord[]>;
}

/** Steps of a run over two workspaces with one channel each and three users each; numbers are taken modulo what there is. */
export const historyShape = fc.array(
  fc.record({
    what: fc.constantFrom('post', 'post', 'post', 'post', 'kick', 'join', 'reconnect', 'httpPost'),
    workspace: fc.nat(1),
    user: fc.nat(2),
  }),
  { minLength: 5, maxLength: 60 },
);
type Shape = typeof historyShape extends fc.Arbitrary<infer T> ? T : never;

interface User {
  id: string;
  client: string;
  member: boolean;
  records: HistoryRecord[];
}

/** Every client sees everything at once, which is one right history among many. */
export function buildHistory(shape: Shape): Built {
  const log: LogRow[] = [];
  const worlds = [0, 1].map((w) => new World(w, log));
  for (const step of shape) worlds[step.workspace]!.step(step.what, step.user);
  const clients = new Map<string, HistoryRecord[]>();
  for (const world of worlds)
    for (const user of world.users) clients.set(user.client, [...user.records, { kind: 'end', settled: true }]);
  return { log, clients };
}

class World {
  readonly users: User[];
  readonly #channel: string;
  readonly #workspace: string;
  readonly #log: LogRow[];
  #seq = 0;

  constructor(index: number, log: LogRow[]) {
    this.#log = log;
    this.#channel = `C${index}`;
    this.#workspace = `T${index}`;
    this.users = [0, 1, 2].map((u) => {
      const id = `U${index}${u}`;
      const open: HistoryRecord = { kind: 'open', client: `c${index}${u}`, workspace: this.#workspace, user: id };
      return { id, client: `c${index}${u}`, member: false, records: [open] };
    });
    this.#append('channel_created', this.users[0]!, {});
    for (const user of this.users) this.#join(user);
  }

  step(what: string, index: number): void {
    const user = this.users[index]!;
    if (what === 'post' && user.member) this.#post(user, 'socket');
    if (what === 'httpPost' && user.member) this.#post(user, 'http');
    if (what === 'kick' && user.member) this.#kick(user);
    if (what === 'join' && !user.member) this.#join(user);
    if (what === 'reconnect') user.records.push({ kind: 'disconnected', code: 4001 }, { kind: 'resumed', replayed: 0 });
  }

  #post(user: User, via: 'socket' | 'http'): void {
    const client_msg_id = `m${this.#seq + 1}`;
    user.records.push({ kind: 'sent', topic: this.#channel, client_msg_id });
    const row = this.#append('message', user, { user: user.id, client_msg_id });
    const ack: HistoryRecord = { kind: 'ack', topic: row.topic, client_msg_id, ts: row.ts, seq: row.seq, via };
    user.records.push(ack);
    if (via === 'http') user.records.push(eventOf(row));
  }

  #kick(user: User): void {
    const row = this.#append('member_left_channel', user, { member: { user: user.id, joined: false } });
    user.member = false;
    user.records.push(eventOf(row), { kind: 'left', topic: this.#channel });
  }

  #join(user: User): void {
    const row = this.#append('member_joined_channel', user, { member: { user: user.id, joined: true } });
    user.member = true;
    user.records.push({ kind: 'subscribed', topic: this.#channel, seq: row.seq });
  }

  /** Everybody but the actor sees the event. */
  #append(type: string, actor: User, rest: Partial<LogRow>): LogRow {
    const seq = ++this.#seq;
    const head = { topic: this.#channel, workspace: this.#workspace, seq, epoch: 1 + Math.floor(seq / 10) };
    const row: LogRow = { ...head, ts: tsOf(seq), type, hash: `${this.#channel}-${seq}`, ...rest };
    this.#log.push(row);
    for (const user of this.users) if (user !== actor && user.member) user.records.push(eventOf(row));
    return row;
  }
}
