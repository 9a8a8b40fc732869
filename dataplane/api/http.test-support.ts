/** For tests: the Web API over HTTP against the real parts of stage 1: gateway, channel server and SQLite. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { pino } from 'pino';
import { type StageOne, startStageOne } from '../dev/stage-one.ts';

export type Answer = Record<string, unknown> & { ok: boolean; error?: string };

const dir = mkdtempSync(join(tmpdir(), 'chatcells-api-'));
/** Set before the first test. */
export let stage: StageOne;
/** ada, bob and the guest gus are of acme, eve is of globex. */
export const tokens = { ada: '', bob: '', eve: '', gus: '' };

before(async () => {
  stage = await startStageOne({
    dir,
    storeUrl: 'sqlite::memory:',
    host: '127.0.0.1',
    port: 0,
    log: pino({ level: 'silent' }),
  });
  tokens.ada = await stage.workspaces.token('acme', 'ada');
  tokens.bob = await stage.workspaces.token('acme', 'bob');
  tokens.eve = await stage.workspaces.token('globex', 'eve');
  tokens.gus = await stage.workspaces.token('acme', 'gus', { roles: ['guest'] });
  for (const token of Object.values(tokens)) assert.equal((await call('auth.test', {}, token)).ok, true);
});
after(async () => {
  await stage.close();
  rmSync(dir, { recursive: true });
});

export async function http(
  method: string,
  init: RequestInit,
): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(`${stage.url}/api/${method}`, init);
  return { status: response.status, headers: response.headers, text: await response.text() };
}
export async function call(method: string, args: object, token = tokens.ada): Promise<Answer> {
  const { text } = await http(method, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
  return JSON.parse(text) as Answer;
}
let made = 0;
export async function newChannel(args: object = {}, token = tokens.ada): Promise<string> {
  const answer = await call('conversations.create', { name: `c${++made}`, ...args }, token);
  assert.equal(answer.ok, true, JSON.stringify(answer));
  return (answer.channel as { id: string }).id;
}
export const idOf = async (token: string): Promise<string> => (await call('auth.test', {}, token)).user_id as string;

/** Of all pages put together. */
export async function channelsOf(token: string, types: string, limit = 1000): Promise<string[]> {
  const ids: string[] = [];
  let cursor = '';
  do {
    const page = (await call('conversations.list', { types, limit, cursor }, token)) as unknown as {
      channels: { id: string }[];
      response_metadata: { next_cursor: string };
    };
    assert.ok(page.channels.length <= limit);
    ids.push(...page.channels.map(({ id }) => id));
    assert.ok(ids.length < 1000, 'the pages never end');
    cursor = page.response_metadata.next_cursor;
  } while (cursor !== '');
  return ids;
}

/** Membership lists are projections: they follow the log within moments. */
export async function eventually(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'the condition never held');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
