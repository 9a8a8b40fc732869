import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSettings, duration, flag, integer, list, parseConfig, text } from './config.ts';

const settings = {
  url: text('STORE_URL', 'The store.'),
  port: integer('PORT', 'The port.', { min: 1, max: 65_535 }, '8080'),
  period: duration('PERIOD', 'The period.', '500ms'),
  peers: list('PEERS', 'The peers.', ''),
  on: flag('ON', 'On or off.'),
};

test('flags go before the environment, the environment before the default', () => {
  const config = parseConfig(settings, {
    env: { STORE_URL: 'env', PORT: '1', PEERS: 'a, b,,c' },
    args: ['--port', '2', '--period=2m'],
  });
  assert.deepEqual({ ...config }, { url: 'env', port: 2, period: 120_000, peers: ['a', 'b', 'c'], on: false });
  assert.ok(Object.isFrozen(config));
});

test('what is wrong is named', () => {
  const parse =
    (env: Record<string, string>, args: string[] = []) =>
    () =>
      parseConfig(settings, { env, args });
  assert.throws(parse({}), { code: 'config_invalid', details: { key: 'STORE_URL', problem: 'is required' } });
  assert.throws(parse({ STORE_URL: 'x', PORT: '70000' }), /PORT: must be a whole number from 1 to 65535/);
  assert.throws(parse({ STORE_URL: 'x', PERIOD: 'soon' }), /PERIOD: must be a duration/);
  assert.throws(parse({ STORE_URL: 'x', ON: 'yes' }), /ON: must be true or false/);
  assert.throws(parse({ STORE_URL: 'x' }, ['--nonsense', '1']), /--nonsense: is not a flag/);
  assert.throws(parse({ STORE_URL: 'x' }, ['--port']), /--port: needs a value/);
});

test('the reference names every setting, its flag and default', () => {
  const help = describeSettings(settings);
  assert.match(help, /--store-url \(STORE_URL\)\n {6}The store\. Required\./);
  assert.match(help, /--port \(PORT\)\n {6}The port\. Default: 8080\./);
});
