/** `chatctl cluster`, `dev` and `dev-token` as the help lists them; see hand-over.ts. */
import { type HandedOver, handOver } from '../hand-over.ts';
import type { Registrar } from '../program.ts';

export function addClusterCommands({ command, environment, done }: Registrar): void {
  const handedOver = (name: HandedOver, about: string, examples: readonly string[]): void => {
    command(`${name} [args...]`, about, examples)
      .allowUnknownOption()
      .helpOption(false)
      .passThroughOptions()
      .action(async (args: string[]) => {
        done(await handOver(environment.root, name, args));
      });
  };
  handedOver('cluster', 'The local cluster: up, down, status, fault …; see `chatctl cluster --help`.', [
    'chatctl cluster up',
    'chatctl cluster status -o json',
    'chatctl cluster fault kill cell-c-channel-0',
    'chatctl cluster fault cut zone-a zone-b',
    'chatctl cluster down',
  ]);
  handedOver('dev', 'Everything in one process over SQLite, for development; see `chatctl dev --help`.', [
    'chatctl dev',
    'chatctl dev --port 8090',
  ]);
  handedOver('dev-token', 'Prints a token of a user of `chatctl dev`.', [
    'chatctl dev-token --user-name carol',
    'chatctl dev-token --workspace-name globex --user-name eve',
  ]);
}
