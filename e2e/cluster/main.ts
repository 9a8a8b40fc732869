/**
 * The local cluster's command line; `chatctl cluster` starts it. Data on stdout, progress on stderr. CHATCELLS_CLUSTER
 * names the cluster, so that several run side by side, each with its own ports, addresses and `.local/cluster-<name>`.
 */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { becomeRoot } from './elevate.ts';
import { isPart, readFaults, setLoss, signalPart, signalPod } from './faults.ts';
import { runApiServer, runMysql } from './foreground.ts';
import { layoutFrom } from './layout.ts';
import { type ClusterStatus, clusterStatus } from './status.ts';
import { down, up } from './up.ts';

interface Output {
  output: 'table' | 'json';
}

const layout = layoutFrom(process.env);
const say = (line: string): void => console.error(line);
const program = new Command('cluster').description('The local cluster of Chatcells.');
const output = (): Option => new Option('-o, --output <format>').choices(['table', 'json']).default('table');

program
  .command('up')
  .description('bring the cluster up; done at once when it is')
  .addOption(output())
  .action(async (options: Output) => {
    becomeRoot();
    await up(layout, say);
    show(options, await clusterStatus(layout), statusText);
  });

program
  .command('down')
  .description('end all of its processes and remove its state')
  .action(async () => {
    becomeRoot();
    await down(layout, say);
  });

program
  .command('status')
  .description('exit code 1 when it is not up')
  .addOption(output())
  .action(async (options: Output) => {
    becomeRoot();
    const status = await clusterStatus(layout);
    show(options, status, statusText);
    if (!status.running) process.exitCode = 1;
  });

const fault = program.command('fault').description('break something on purpose');
for (const [verb, name] of [
  ['kill', 'SIGKILL'],
  ['stop', 'SIGSTOP'],
  ['cont', 'SIGCONT'],
] as const) {
  fault
    .command(`${verb} <target>`)
    .description(`${name} to a Pod's processes, as [namespace/]name, or to "store" or "api" (\`up\` starts them again)`)
    .option('-c, --container <name>', 'only this container of the Pod')
    .addOption(output())
    .action((target: string, options: Output & { container?: string }) => {
      becomeRoot();
      if (isPart(target)) {
        show(options, signalPart(layout, target, name), (sent) => `${name} to ${sent.part} (pid ${sent.pid})`);
        return;
      }
      const pod = options.container === undefined ? { pod: target } : { pod: target, container: options.container };
      show(options, signalPod(layout, pod, name), (sent) =>
        sent.map((one) => `${name} to ${one.namespace}/${one.pod} ${one.container} (pid ${one.pid})`).join('\n'),
      );
    });
}
const linkFault = (usage: string, description: string, loss: (percent: string) => number): void => {
  fault
    .command(usage)
    .description(`${description}; ends are zones, "store" or "api"`)
    .addOption(output())
    .action((a: string, b: string, ...rest: unknown[]) => {
      becomeRoot();
      const options = rest.find((one): one is Output => typeof one === 'object') as Output;
      show(options, setLoss(layout, a, b, loss(String(rest[0]))), faultsText);
    });
};
linkFault('cut <end> <end2>', 'drop everything between two ends', () => 100);
linkFault('heal <end> <end2>', 'undo cut and lossy', () => 0);
linkFault('lossy <end> <end2> <percent>', 'drop some of the packets between two ends', Number);
fault
  .command('list')
  .description('the links that are broken')
  .addOption(output())
  .action((options: Output) => {
    becomeRoot();
    show(options, readFaults(layout), faultsText);
  });

program
  .command('apiserver')
  .description('etcd and an API server alone, for tests, until SIGTERM or end of input')
  .requiredOption('--dir <folder>', 'folder of all state')
  .action(async (options: { dir: string }) => runApiServer(resolve(options.dir)));

program
  .command('mysql')
  .description('a MySQL server alone, for tests, until SIGTERM or end of input')
  .requiredOption('--dir <folder>', 'folder of all state')
  .action(async (options: { dir: string }) => runMysql(resolve(options.dir)));

function show<T>(options: Output, value: T, text: (value: T) => string): void {
  console.log(options.output === 'json' ? JSON.stringify(value) : text(value));
}

function statusText(status: ClusterStatus): string {
  return [
    `cluster     ${status.name}: ${status.running ? 'up' : 'not up'}`,
    `kubeconfig  ${status.kubeconfig}`,
    `store       ${status.store}`,
    ...status.nodes.map(
      (node) => `${node.name.padEnd(11)} ${node.zone} ${node.address} ${node.ready ? 'Ready' : 'NotReady'}`,
    ),
    ...status.edges.map((edge) => `edge        ${edge.zone} ${edge.url}`),
    ...status.faults.map((one) => `fault       ${faultText(one)}`),
    `logs        ${status.logs}`,
  ].join('\n');
}

const faultText = (one: ClusterStatus['faults'][number]): string =>
  `${one.link.join(' – ')} ${one.lossPercent === 100 ? 'cut' : `loses ${one.lossPercent} %`}`;
const faultsText = (faults: ClusterStatus['faults']): string => faults.map(faultText).join('\n') || 'no link is broken';

try {
  await program.parseAsync();
  process.exit(process.exitCode ?? 0);
} catch (error) {
  console.error(`cluster: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
