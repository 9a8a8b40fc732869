import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ConfigError, containerCommand, containerEnv, type EnvSources, expand } from './env.ts';
import type { Container, Pod } from './kube.ts';

const pod: Pod = {
  metadata: { name: 'web-0', namespace: 'chat', uid: 'u1', labels: { app: 'web' } },
  spec: { nodeName: 'node-a', containers: [] },
};
const sources: EnvSources = {
  podIp: '127.1.0.2',
  hostIp: '127.1.0.1',
  configMaps: new Map([['cfg', { data: { A: '1' } }]]),
  secrets: new Map([['sec', { data: { url: Buffer.from('mysql://x').toString('base64') } }]]),
};
const container = (more: Partial<Container>): Container => ({ name: 'c', image: 'chatcells', ...more });

test('references are replaced, unknown ones stay, $$ is a plain $', () => {
  assert.equal(expand('a $(X) $(NO) $$(X) $ $X', { X: '1' }), 'a 1 $(NO) $(X) $ $X');
});

test('text without a $ is itself', () => {
  fc.assert(fc.property(fc.string(), (text) => text.includes('$') || expand(text, { X: '1' }) === text));
});

test('fields, keys, imports and earlier variables', () => {
  const env = containerEnv(
    pod,
    container({
      envFrom: [{ prefix: 'P_', configMapRef: { name: 'cfg' } }],
      env: [
        { name: 'NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
        { name: 'URL', valueFrom: { secretKeyRef: { name: 'sec', key: 'url' } } },
        { name: 'ALL', value: '$(NAME) $(P_A) $(LATER)' },
        { name: 'LATER', value: 'x' },
      ],
    }),
    { PATH: '/bin' },
    sources,
  );
  assert.deepEqual(env, {
    PATH: '/bin',
    P_A: '1',
    NAME: 'web-0',
    APP: 'web',
    IP: '127.1.0.2',
    URL: 'mysql://x',
    ALL: 'web-0 1 $(LATER)',
    LATER: 'x',
  });
});

test('a missing key is an error unless it is optional', () => {
  const wanting = (optional: boolean): Container =>
    container({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'sec', key: 'no', optional } } }] });
  assert.throws(() => containerEnv(pod, wanting(false), {}, sources), ConfigError);
  assert.deepEqual(containerEnv(pod, wanting(true), {}, sources), {});
});

test('args go to the entry point, and a command replaces it', () => {
  const image = ['node', 'main.js'];
  assert.deepEqual(containerCommand(image, container({ args: ['$(ROLE)'] }), { ROLE: 'api' }), [...image, 'api']);
  assert.deepEqual(containerCommand(image, container({ command: ['sh'], args: ['-c'] }), {}), ['sh', '-c']);
});
