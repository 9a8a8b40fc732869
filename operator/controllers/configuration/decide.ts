/** What a Cell's condition says of processes that refused their configuration. Pure. */
import type { CellFigures } from '../../live-figures.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';

const TYPE = 'ConfigurationRefused';
/** A refusal of many processes for one reason is told by the first few. */
const MAX_TOLD = 3;
/** Envoy's words may quote whole resources. */
const MAX_WORDS = 500;

/**
 * Undefined while it is not known: what was said last stays. The text has no figure that changes while the same
 * refusals stand, or every look would be a write.
 */
export function decideConfiguration(refusals: CellFigures['refusals']): NewCondition | undefined {
  if (refusals === undefined) return undefined;
  if (refusals.length === 0)
    return condition(TYPE, false, 'Accepted', 'No process of the Cell stands by a refusal of its configuration.');
  const told = refusals.slice(0, MAX_TOLD).map(({ node, type, error }) => `${node} refused ${type}: ${words(error)}`);
  const more = refusals.length > MAX_TOLD ? [`and ${refusals.length - MAX_TOLD} more`] : [];
  const rest = 'The last good one is in force there; see docs/runbooks/ChatcellsConfigurationRefused.md.';
  return condition(TYPE, true, 'Refused', `${[...told, ...more].join('; ')}. ${rest}`);
}

const words = (error: string): string => {
  const line = error.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}…` : line;
};
