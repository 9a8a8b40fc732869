import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Context, type Environment, type GlobalOptions } from './context.ts';

/** What `next` prints. */
function nextOf(command: string, options: GlobalOptions): string {
  const notes: string[] = [];
  const terminal = { note: (text: string) => void notes.push(text) };
  new Context({ terminal } as unknown as Environment, options).next(command);
  return notes.join('\n');
}

test('the next step is of the installation that this one was of', () => {
  assert.equal(nextOf('chatctl status', {}), 'Next: chatctl status');
  assert.equal(nextOf('chatctl status', { namespace: 'chat' }), 'Next: chatctl status -n chat');
  const elsewhere = { namespace: 'chatcells', kubeconfig: '/etc/kube' };
  assert.equal(nextOf('chatctl status', elsewhere), 'Next: chatctl status --kubeconfig /etc/kube');
  assert.equal(nextOf('kubectl get pods', { namespace: 'chat' }), 'Next: kubectl get pods');
});
