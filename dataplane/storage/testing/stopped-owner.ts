/**
 * A process of its own: appends to a topic, and stops itself (SIGSTOP) with its transaction open. Continued, it
 * prints the error code of that append, and of another try: `node stopped-owner.ts URL OWNER CHANNEL-NUMBER`.
 */
import { ChatError } from '../../../cells/contract/errors.ts';
import { openStore } from '../open.ts';
import { channel, entry, fenceOf } from './entries.ts';

const [url = '', owner = '', number = ''] = process.argv.slice(2);
const topic = channel(Number(number));
let stops = 1;
const store = await openStore(url, {
  beforeCommit: async () => {
    if (stops-- > 0) process.kill(process.pid, 'SIGSTOP');
  },
});
const codes: string[] = [];
for (let attempt = 0; attempt < 2; attempt++) {
  try {
    await store.log.append(owner, [fenceOf(topic)], [entry(topic, 1)]);
    codes.push('ok');
  } catch (e: unknown) {
    codes.push(ChatError.from(e).code);
  }
}
await store.close();
process.stdout.write(`${JSON.stringify(codes)}\n`);
