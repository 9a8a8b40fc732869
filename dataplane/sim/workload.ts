/** What people do while the run lasts: they post, edit, delete, type, come and go. What they may do must be done. */
import { ChatError } from '../../cells/contract/errors.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Device, SimUser } from './devices.ts';
import { RULE } from './invariants.ts';
import { RING } from './nodes.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimChannel, World } from './world.ts';

/** Posts of one device that may wait for their answer: people stop writing when nothing goes through. */
const MAX_WAITING = 10;

export class Workload {
  readonly #w: World;
  readonly #random: SeededRandom;
  /** Own messages that were acknowledged, to edit and delete. */
  readonly #posted = new Map<SimUser, { topic: TopicId; ts: string }[]>();
  /** `user topic` of memberships that were asked to end, from the moment of asking: any answer is right then. */
  readonly #leavers = new Set<string>();
  #keys = 0;
  #creating = 0;
  #busy = true;

  constructor(world: World) {
    this.#w = world;
    this.#random = world.random.fork('workload');
  }

  /** Nothing of it waits for an answer. */
  get isAnswered(): boolean {
    return this.#creating === 0 && this.#w.devices.every((d) => d.waiting === 0);
  }

  /** As conversations.create does, with ids of our choosing: the world knows their slots. */
  createChannels(): void {
    for (const channel of this.#w.channels) void this.#create(channel);
  }

  async #create(channel: SimChannel): Promise<void> {
    this.#creating++;
    const [creator, ...others] = channel.members;
    const row = this.#w.rowOf(channel);
    const { owners } = this.#random.pick(this.#w.apis.flatMap((a) => a.running ?? []));
    const actor = { workspace: creator!.workspace, user: creator!.id, roles: ['member'] };
    const args = { channel: row, members: others.map((u) => u.id) };
    try {
      await owners.call({ ring: RING, topic: channel.id, op: 'create', args, actor, timeoutMs: 60_000 });
    } catch (e: unknown) {
      this.#w.records.violate(RULE.memberMay, `${channel.id} was not made: ${String(e)}`);
    }
    this.#creating--;
  }

  start(): void {
    for (const device of this.#w.devices) this.#actSoon(device);
    if (this.#random.chance(0.6)) this.#later(300, 4_000, () => this.#kick());
    if (this.#random.chance(0.4)) this.#later(300, 4_000, () => this.#leave());
  }

  stop(): void {
    this.#busy = false;
  }

  #later(from: number, to: number, fn: () => void): void {
    this.#w.scheduler.after(this.#random.between(from, to), () => {
      if (this.#busy) fn();
    });
  }

  #actSoon(device: Device): void {
    this.#later(50, 600, () => {
      if (device.waiting < MAX_WAITING) this.#act(device);
      this.#actSoon(device);
    });
  }

  #act(device: Device): void {
    const { user, client } = device;
    const topic = this.#random.pick(this.#w.channels.filter((c) => c.members.includes(user))).id;
    const kind = this.#random.next();
    if (kind < 0.06) client.typing(topic);
    else if (kind < 0.12) this.#edit(device);
    else if (kind < 0.18) this.#delete(device);
    else void this.#post(device, topic, kind < 0.3);
  }

  async #post(device: Device, topic: TopicId, byHttp: boolean): Promise<void> {
    const { user } = device;
    const key = `key-${this.#keys++}`;
    const text = `${user.workspace} ${user.name} ${key}`;
    try {
      if (byHttp) await device.postByHttp(topic, text, key);
      else {
        const { ts } = await device.client.post(topic, text, { clientMsgId: key });
        const own = this.#posted.get(user) ?? [];
        this.#posted.set(user, own);
        own.push({ topic, ts });
      }
    } catch (e: unknown) {
      this.#refused(`${user.name}'s ${key} in ${topic}`, e, `${user.id} ${topic}`);
    }
  }

  #edit(device: Device): void {
    const own = this.#posted.get(device.user) ?? [];
    if (own.length === 0) return;
    const { topic, ts } = this.#random.pick(own);
    const edit = device.call('chat.update', { channel: topic, ts, text: `edited ${this.#keys++}` });
    edit.catch((e: unknown) => this.#refused(`an edit in ${topic}`, e, `${device.user.id} ${topic}`));
  }

  #delete(device: Device): void {
    const own = this.#posted.get(device.user) ?? [];
    if (own.length === 0) return;
    const [{ topic, ts }] = own.splice(this.#random.below(own.length), 1) as [{ topic: TopicId; ts: string }];
    const remove = device.call('chat.delete', { channel: topic, ts });
    // The answer to a first attempt may be lost: the next one finds nothing to delete.
    remove.catch((e: unknown) => this.#refused(`a delete in ${topic}`, e, `${device.user.id} ${topic}`));
  }

  /** Somebody is put out of a private channel, and perhaps let in again. */
  #kick(): void {
    const channel = this.#w.channels.find((c) => c.isPrivate && c.members.length > 1);
    if (channel === undefined) return;
    const [by, victim] = channel.members as [SimUser, SimUser];
    const device = this.#deviceOf(by);
    const args = { channel: channel.id, user: victim.id };
    this.#leavers.add(`${victim.id} ${channel.id}`);
    const comesBack = this.#random.chance(0.4);
    this.#thenLater(device.call('conversations.kick', args), 'a kick', () => {
      if (!comesBack) return;
      const invited = device.call('conversations.invite', { channel: channel.id, users: victim.id });
      invited.catch((e: unknown) => this.#refused('an invitation', e));
    });
  }

  /** Somebody leaves a public channel, and perhaps joins it again. */
  #leave(): void {
    const channel = this.#w.channels.find((c) => !c.isPrivate);
    const leaver = channel?.members[1];
    if (channel === undefined || leaver === undefined) return;
    const device = this.#deviceOf(leaver);
    this.#leavers.add(`${leaver.id} ${channel.id}`);
    const args = { channel: channel.id };
    const comesBack = this.#random.chance(0.6);
    this.#thenLater(device.call('conversations.leave', args), 'leaving', () => {
      if (comesBack) device.call('conversations.join', args).catch((e: unknown) => this.#refused('joining', e));
    });
  }

  /** Only after an answer: one that is unknown might still come into effect behind what is asked next. */
  #thenLater(asked: Promise<unknown>, what: string, next: () => void): void {
    asked.then(
      () => this.#later(500, 3_000, next),
      (e: unknown) => this.#refused(what, e),
    );
  }

  #deviceOf(user: SimUser): Device {
    return this.#w.devices.find((d) => d.user === user)!;
  }

  /** `excuse`: who asked where. Whatever trying again may mend is no finding: the person gives up. */
  #refused(what: string, e: unknown, excuse?: string): void {
    const error = ChatError.from(e);
    if (error.retryable || (excuse !== undefined && this.#leavers.has(excuse)) || HARMLESS.has(error.code)) return;
    this.#w.records.violate(RULE.memberMay, `${what} was refused: ${error.code}`);
  }
}

/** Right answers to what was done before, or undone meanwhile. */
const HARMLESS: ReadonlySet<string> = new Set([
  'message_not_found',
  'cant_update_message',
  'not_in_channel',
  'already_in_channel',
  'user_not_in_channel',
]);
