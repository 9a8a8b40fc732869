/** A process of many read-only clients beside the checked load: they connect, stay, resume, and are only counted. */
import { ChatClient } from '../../dataplane/client/index.ts';
import type { CrowdFigures, CrowdPlan } from './crowd-process.ts';

const CONNECT_AT_ONCE = 50;
const FIGURES_MS = 500;

const clients: ChatClient[] = [];
let stopped = 0;

async function start(plan: CrowdPlan): Promise<void> {
  setInterval(report, FIGURES_MS).unref();
  for (let i = 0; i < plan.sockets; i++) {
    const first = i % plan.edges.length;
    const edges = [...plan.edges.slice(first), ...plan.edges.slice(0, first)];
    const token = plan.tokens[i % plan.tokens.length]!;
    clients.push(new ChatClient({ edges, token, onState: (state) => void (state === 'stopped' && stopped++) }));
  }
  for (let i = 0; i < clients.length; i += CONNECT_AT_ONCE)
    await Promise.all(clients.slice(i, i + CONNECT_AT_ONCE).map((c) => c.connect()));
}

function report(): void {
  const figures: CrowdFigures = { connected: 0, resumes: 0, reconnects: 0, connectFailures: 0, stopped };
  for (const { state, stats } of clients) {
    if (state === 'ready') figures.connected++;
    figures.resumes += stats.resumes;
    figures.reconnects += stats.reconnects;
    figures.connectFailures += stats.connectFailures;
  }
  process.send?.({ figures });
}

process.on('message', (plan: CrowdPlan) => {
  start(plan).catch((e: unknown) => process.send?.({ error: String(e) }));
});
process.on('disconnect', () => process.exit(0)); // whoever started it is gone
