/** `chatctl proxy-status`: whether every Envoy and dataplane process has what the control plane sent it. */
import type { Command } from 'commander';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { formatTable } from '../table.ts';

export function addProxyStatusCommand({ command, context, done }: Registrar): void {
  command('proxy-status', 'Whether each node of the control plane has acknowledged what it was sent.', [
    'chatctl proxy-status',
    'chatctl proxy-status -o json     versions and refusals by resource type',
  ]).action(async (_: object, self: Command) => {
    const ctx = context(self);
    const replicas = await ctx.live().nodes();
    const rows = replicas.flatMap(({ pod, nodes }) => nodes.map((node) => ({ ...node, replica: pod })));
    ctx.print({ items: rows }, () =>
      formatTable(
        [
          { title: 'NODE', value: (n) => n.id },
          { title: 'ROLE', value: (n) => n.role },
          { title: 'CELL', value: (n) => n.cell },
          { title: 'STATE', value: (n) => (n.converged ? 'SYNCED' : 'STALE') },
          { title: 'REPLICA', value: (n) => n.replica },
        ],
        rows,
        ctx.wide,
      ),
    );
    done(rows.every((n) => n.converged) ? EXIT.done : EXIT.failed);
  });
}
