import { randomBytes } from 'node:crypto';
import type { Clock, Random } from './clock.ts';

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  every(periodMs, fn) {
    const timer = setInterval(fn, periodMs);
    return { cancel: () => clearInterval(timer) };
  },
};

export const systemRandom: Random = {
  next: Math.random,
  hex: (n) => randomBytes(n).toString('hex'),
};
