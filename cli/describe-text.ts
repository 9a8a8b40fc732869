/** What `chatctl describe` prints of one object: nested values as YAML, conditions with Ready first, Events. Pure. */
import { stringify } from 'yaml';
import type { KubeEvent } from '../cells/contract/kube/events.ts';
import type { Condition } from '../crds/index.ts';
import { formatAge } from './durations.ts';
import type { AnyResource } from './resources.ts';
import { formatFields, formatTable } from './table.ts';

const INDENT = '  ';

export function describeText(object: AnyResource, events: readonly KubeEvent[], nowMs: number): string {
  const { metadata, spec, status } = object;
  const { conditions = [], ...rest } = (status ?? {}) as { conditions?: Condition[] };
  return [
    formatFields({
      Name: metadata.name,
      Namespace: metadata.namespace,
      Kind: object.kind,
      Age: formatAge(metadata.creationTimestamp, nowMs),
    }),
    section('Spec', nested(spec)),
    section('Status', nested(rest)),
    section('Conditions', conditionsText(conditions, nowMs)),
    section('Events', eventsText(events, nowMs)),
  ].join('');
}

const section = (title: string, body: string): string =>
  body === '' ? `${title}: none\n` : `${title}:\n${body.replace(/^(?=.)/gm, INDENT)}`;

const nested = (value: object): string =>
  Object.keys(value).length === 0 ? '' : stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });

/** The summary first, then as the object lists them. */
function conditionsText(conditions: readonly Condition[], nowMs: number): string {
  if (conditions.length === 0) return '';
  const ordered = [...conditions].sort((a, b) => Number(b.type === 'Ready') - Number(a.type === 'Ready'));
  return formatTable(
    [
      { title: 'TYPE', value: (c) => c.type },
      { title: 'STATUS', value: (c) => c.status },
      { title: 'SINCE', value: (c) => formatAge(c.lastTransitionTime, nowMs) },
      { title: 'REASON', value: (c) => c.reason },
      { title: 'MESSAGE', value: (c) => c.message },
    ],
    ordered,
    false,
  );
}

function eventsText(events: readonly KubeEvent[], nowMs: number): string {
  if (events.length === 0) return '';
  return formatTable(
    [
      { title: 'TYPE', value: (e) => e.type },
      { title: 'REASON', value: (e) => (e.series === undefined ? e.reason : `${e.reason} (x${e.series.count})`) },
      { title: 'AGE', value: (e) => formatAge(e.series?.lastObservedTime ?? e.eventTime, nowMs) },
      { title: 'MESSAGE', value: (e) => e.note },
    ],
    events,
    false,
  );
}
