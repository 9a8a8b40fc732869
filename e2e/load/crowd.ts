/** A process of many clients beside the checked load: they connect, read, post now and then, resume; all only counted. */
import { ChatClient } from '../../dataplane/client/index.ts';
import type { CrowdFigures, CrowdPlan, CrowdPosts, ToCrowd } from './crowd-process.ts';

const CONNECT_AT_ONCE = 50;
const FIGURES_MS = 500;

const clients: ChatClient[] = [];
let stopped = 0;
let delivered = 0;
let posted = 0;
let acknowledged = 0;
let users: CrowdPlan['users'] = [];
/** Index of the user whose channel it is: of 100,000 channels each is found at once, in what is a measurement. */
const userOf = new Map<string, number>();
const gapsMs: Record<string, number> = {};

async function start(plan: CrowdPlan): Promise<void> {
  users = plan.users;
  for (const [i, { channels }] of users.entries()) for (const channel of channels) userOf.set(channel, i);
  setInterval(report, FIGURES_MS).unref();
  for (let i = 0; i < plan.sockets; i++) {
    const at = plan.home === undefined ? i % plan.edges.length : plan.edges.indexOf(plan.home);
    const edges = [...plan.edges.slice(at), ...plan.edges.slice(0, at)];
    const { token } = plan.users[i % plan.users.length]!;
    const onState = (state: string): void => void (state === 'stopped' && stopped++);
    clients.push(new ChatClient({ edges, token, onState, onEvent: () => void delivered++ }));
  }
  const waiting = clients.values();
  const connect = async (): Promise<void> => {
    for (const client of waiting) await client.connect();
  };
  await Promise.all(Array.from({ length: CONNECT_AT_ONCE }, connect));
  setInterval(post, plan.postEveryMs);
}

/** One of them, in one of its channels. */
function post(): void {
  const i = Math.floor(Math.random() * clients.length);
  const { channels } = users[i % users.length]!;
  const channel = channels[Math.floor(Math.random() * channels.length)];
  if (channel === undefined) return;
  void send(clients[i]!, channel).catch(() => {}); // never acknowledged: the difference is reported
}

async function send(client: ChatClient, channel: string): Promise<void> {
  await client.post(channel, `number ${posted++} of the crowd`);
  acknowledged++;
}

function postTo({ atMs, topics }: CrowdPosts): void {
  for (const topic of topics) {
    send(clients[userOf.get(topic)!]!, topic).then(
      () => {
        gapsMs[topic] = Date.now() - atMs;
      },
      (e: unknown) => process.send?.({ error: `post to ${topic}: ${String(e)}` }),
    );
  }
}

function report(): void {
  const figures: CrowdFigures = {
    ...{ connected: 0, resumes: 0, reconnects: 0, connectFailures: 0 },
    ...{ stopped, delivered, posted, acknowledged, gapsMs },
  };
  for (const { state, stats } of clients) {
    if (state === 'ready') figures.connected++;
    figures.resumes += stats.resumes;
    figures.reconnects += stats.reconnects;
    figures.connectFailures += stats.connectFailures;
  }
  process.send?.({ figures });
}

process.on('message', (message: ToCrowd) => {
  if (message.type === 'post') postTo(message.posts);
  else start(message.plan).catch((e: unknown) => process.send?.({ error: String(e) }));
});
process.on('disconnect', () => process.exit(0)); // whoever started it is gone
