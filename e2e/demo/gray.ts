/**
 * A gray failure before everybody's eyes: one zone's links lose packets while all its health checks pass, and its Cell
 * drains itself. Nobody's hand is on it; the demo only makes the fault, watches, and heals it.
 */
import type { Load } from '../load/load-process.ts';
import { chatctl, cluster, until } from '../system/command.ts';
import { cellFigures, pods } from '../system/figures.ts';
import { cellNow, patchCell } from '../system/gray.ts';
import type { ClusterStatus } from '../system/install.ts';
import type { GrayFigures } from './verdict.ts';

const CELL = 'cell-a';
const ZONE = 'zone-a';
const OTHERS = ['zone-b', 'zone-c'];
const LOSS_PERCENT = 30;
/** Chart values: a quarter of production's window, so that the demo stays short. */
export const GRAY_VALUES = { 'operator.grayFailure.window': '30s', 'operator.grayFailure.clearAfter': '30s' };
const PACE = { stepPercent: 10, stepInterval: '500ms' };
const NOTICE_MS = 150_000;
const DRAIN_MS = 150_000;
const SHOW_MS = 3_000;

type Say = (line: string) => void;

export async function grayFailure(status: ClusterStatus, load: Load, say: Say): Promise<GrayFigures> {
  const failedBefore = load.figures.httpFailures;
  say(`Gray failure: the links of ${ZONE} lose ${LOSS_PERCENT} % of their packets from now on; its health checks pass`);
  say(`${CELL} is in mode Auto; the window is 30 s here (production: 2 min, chart value operator.grayFailure.window)`);
  await patchCell(status, CELL, { drain: { mode: 'Auto', ...PACE } });
  const began = performance.now();
  const figures: GrayFigures = {
    gray_detected_s: Number.NaN,
    gray_drained_s: Number.NaN,
    gray_hand: Number.NaN,
    gray_sockets_left: Number.NaN,
    gray_slots_left: Number.NaN,
    http_failures_gray: Number.NaN,
  };
  const seconds = (): number => Math.round((performance.now() - began) / 100) / 10;
  await links(LOSS_PERCENT);
  try {
    const found = await until(`the Cell of ${ZONE} says GrayFailure`, NOTICE_MS, async () => {
      const { conditions } = await cellNow(status, CELL);
      return conditions.find((c) => c.type === 'GrayFailure' && c.status === 'True');
    });
    figures.gray_detected_s = seconds();
    say(`Found after ${seconds()} s: ${found.message}`);
    await watchDrain(status, say);
    figures.gray_drained_s = seconds();
    const { initiator } = await cellNow(status, CELL);
    figures.gray_hand = initiator === 'GrayFailure' ? 0 : 1;
    const left = (await cellFigures(await pods(status, 'controlplane'))).find((c) => c.cell === CELL);
    figures.gray_sockets_left = left?.sockets ?? Number.NaN;
    figures.gray_slots_left = left?.slots ?? Number.NaN;
    say(`Drained itself after ${seconds()} s, by ${initiator}: ${left?.sockets} sockets, ${left?.slots} slots left`);
  } catch (e: unknown) {
    say(`The Cell did not drain itself: ${e instanceof Error ? e.message : String(e)}`); // the verdict says so too
  } finally {
    await links(0);
  }
  say(`The links are healed. chatctl undrain ${CELL}: that is for a person to decide`);
  await patchCell(status, CELL, { drain: { mode: 'Manual' } });
  await chatctl(['undrain', CELL, '--fast', '--step', '10', '--wait'], { live: true });
  figures.http_failures_gray = load.figures.httpFailures - failedBefore;
  if (figures.http_failures_gray > 0)
    say(`${figures.http_failures_gray} requests failed while packets were lost, and are counted apart`);
  return figures;
}

async function links(percent: number): Promise<void> {
  for (const other of OTHERS) await cluster(['fault', 'lossy', ZONE, other, String(percent)]);
}

/** Resolves when the Cell is drained; shows weight, sockets and slots meanwhile. */
async function watchDrain(status: ClusterStatus, say: Say): Promise<void> {
  const replicas = await pods(status, 'controlplane');
  let shownAt = 0;
  await until(`${CELL} has drained itself`, DRAIN_MS, async () => {
    const { weight, phase } = await cellNow(status, CELL);
    if (performance.now() - shownAt > SHOW_MS) {
      shownAt = performance.now();
      const now = (await cellFigures(replicas)).find((c) => c.cell === CELL);
      say(`  ${CELL}: weight ${weight} %, ${now?.slots} slots, ${now?.sockets} sockets`);
    }
    return phase === 'Drained' || undefined;
  });
}
