/**
 * Appends a second, by hand: node dataplane/storage/bench.ts [store URL] [seconds each]
 * One owner, one batch in flight. Compare runs of one machine only.
 */
import { SLOTS, slotOf } from '../../cells/contract/slot.ts';
import { openStore } from './open.ts';
import { channel, entry, RING } from './testing/entries.ts';

const [url = 'sqlite::memory:', seconds = '3'] = process.argv.slice(2);
const OWNER = 'bench';
const epoch = Math.floor(Date.now() / 1000);
const store = await openStore(url);
await store.migrate();
const all = Array.from({ length: SLOTS }, (_, slot) => ({ ring: RING, slot, epoch }));
const claimStart = performance.now();
await store.log.claim(OWNER, all);
print({ claimed: SLOTS, ms: Math.round(performance.now() - claimStart) });

let next = Date.now();
const text = 'x'.repeat(200);
for (const rows of [1, 16, 256]) {
  const topics = Array.from({ length: Math.min(rows, 64) }, () => channel(next++));
  const fences = [...new Set(topics.map(slotOf))].map((slot) => ({ ring: RING, slot, epoch }));
  const times: number[] = [];
  const end = performance.now() + Number(seconds) * 1_000;
  const cpu = process.cpuUsage();
  const start = performance.now();
  for (let batch = 0; performance.now() < end; batch++) {
    const entries = Array.from({ length: rows }, (_, i) => {
      const seq = batch * Math.ceil(rows / topics.length) + Math.floor(i / topics.length) + 1;
      const payload = JSON.stringify({ type: 'message', text, seq });
      return entry(topics[i % topics.length]!, seq, { epoch, payload, clientKey: `${batch}-${i}` });
    });
    const began = performance.now();
    await store.log.append(OWNER, fences, entries);
    times.push(performance.now() - began);
  }
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const at = (p: number): number => Number(times[Math.floor(times.length * p)]!.toFixed(2));
  print({
    rows,
    batchesPerSecond: Math.round((times.length / elapsed) * 1_000),
    rowsPerSecond: Math.round(((times.length * rows) / elapsed) * 1_000),
    p50ms: at(0.5),
    p99ms: at(0.99),
    clientCpuMsPerBatch: Number(((user + system) / 1_000 / times.length).toFixed(2)),
  });
}
await store.close();

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
