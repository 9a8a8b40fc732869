/**
 * Slack's SDKs against CHATCELLS_URL with CHATCELLS_TOKEN_A and _B (a cluster's edge), or without these against a
 * `dev` process of its own.
 */
import { test } from 'node:test';
import { startDevProcess } from './dev-process.ts';
import { type SdkTarget, sdkScenario } from './sdk-scenario.ts';

async function target(): Promise<SdkTarget & { close(): Promise<void> }> {
  const { CHATCELLS_URL: url, CHATCELLS_TOKEN_A: tokenA, CHATCELLS_TOKEN_B: tokenB } = process.env;
  if (url !== undefined && tokenA !== undefined && tokenB !== undefined)
    return { url, tokenA, tokenB, close: async () => undefined };
  return startDevProcess();
}

test('@slack/web-api and @slack/rtm-api, unmodified', { timeout: 120_000 }, async (t) => {
  const server = await target();
  const { steps, close } = await sdkScenario(server);
  t.after(async () => {
    await close();
    await server.close();
  });
  for (const step of steps) await t.test(step.name, () => step.run());
});
