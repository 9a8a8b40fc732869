/**
 * Somebody with a good token of one workspace who asks for everything of another by its id: over the Web API, and by
 * sockets that claim to have followed foreign topics before. Nothing of it may come, not even that it exists.
 */
import { HttpFailure } from '../client/index.ts';
import { foreignIn, type SimUser } from './devices.ts';
import { edgeUrl } from './edges.ts';
import { RULE } from './invariants.ts';
import { tokenOf } from './nodes.ts';
import type { SimProcess } from './process.ts';
import { type World, ZONES } from './world.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const FOREIGN_METHODS = ['info', 'history', 'members', 'join', 'leave'].map((name) => `conversations.${name}`);

export class Intruder {
  readonly #w: World;
  readonly #user: SimUser;
  readonly #process: SimProcess;
  readonly #foreign: readonly string[];
  #turns = 0;
  #over = false;

  constructor(world: World, user: SimUser) {
    this.#w = world;
    this.#user = user;
    this.#process = world.outside('intruder', 'intruder');
    this.#foreign = world.foreignTo(user.workspace);
  }

  start(): void {
    void this.#turn();
  }
  stop(): void {
    this.#over = true;
  }

  /** One edge after the other, so that every gateway is tried. */
  async #turn(): Promise<void> {
    const { scheduler, random } = this.#w;
    const zone = ZONES[this.#turns++ % ZONES.length]!;
    try {
      const { url } = await this.#call(zone, 'rtm.connect', {});
      if (typeof url === 'string') this.#connect(url, (resumeToken) => this.#resume(zone, resumeToken));
      await this.#ask(zone);
    } catch {
      // unreachable for now
    }
    if (!this.#over) scheduler.after(random.between(700, 2_000), () => void this.#turn());
  }

  async #ask(zone: string): Promise<void> {
    const { random } = this.#w;
    const channel = random.pick(this.#foreign.filter((id) => id.startsWith('C')));
    const method = random.pick([...FOREIGN_METHODS, 'chat.postMessage']);
    const answer = await this.#call(zone, method, { channel, text: 'let me in' });
    if (answer.ok !== false) this.#violate(`${method} of ${channel} was answered: ${JSON.stringify(answer)}`);
  }

  async #call(zone: string, method: string, args: Record<string, unknown>): Promise<Record<string, unknown>> {
    const response = await this.#w.edges.http(this.#process)({
      url: `${edgeUrl(zone)}/api/${method}`,
      headers: { authorization: `Bearer ${tokenOf(this.#user)}` },
      body: JSON.stringify(args),
      timeoutMs: REQUEST_TIMEOUT_MS,
    });
    if (response.status >= 500) throw new HttpFailure(true, undefined);
    return JSON.parse(response.body) as Record<string, unknown>;
  }

  /** A session of its own, for the resume token. */
  #connect(url: string, onHello: (resumeToken: string) => void): void {
    const socket = this.#w.edges.openSocket(this.#process)(url, {
      open: () => undefined,
      closed: () => undefined,
      message: (text) => {
        this.#look(text);
        const { type, resume_token } = JSON.parse(text) as { type?: string; resume_token?: string };
        if (type !== 'hello') return;
        onHello(resume_token!);
        socket.close(1000, '');
      },
    });
  }

  #resume(zone: string, token: string): void {
    const { scheduler, random } = this.#w;
    const topics = Object.fromEntries(this.#foreign.map((id) => [id, 0]));
    const socket = this.#w.edges.openSocket(this.#process)(`${edgeUrl(zone)}/ws?resume=1`, {
      open: () => socket.send(JSON.stringify({ type: 'resume', token, topics })),
      closed: () => undefined,
      message: (text) => this.#look(text),
    });
    scheduler.after(random.between(2_000, 6_000), () => this.#process.enter(() => socket.close(1000, '')));
  }

  #look(text: string): void {
    // That what it named is not its own may be said.
    if (text.startsWith('{"type":"channel_left"')) return;
    const id = foreignIn(text, this.#foreign);
    if (id !== undefined) this.#violate(`a frame with ${id} came: ${text}`);
  }

  #violate(what: string): void {
    this.#w.records.violate(RULE.tenants, `${this.#user.name} of ${this.#user.workspace}: ${what}`);
  }
}
