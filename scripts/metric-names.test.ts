// Every metric and label that an alert or the dashboard names is one that some role has.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { createMetrics } from '../cells/controlplane/metrics.ts';
import { createHttpMetrics } from '../dataplane/api/metrics.ts';
import { ChannelMetrics } from '../dataplane/channel/metrics.ts';
import { createGatewayMetrics } from '../dataplane/gateway/prom-metrics.ts';
import { dashboardPanels, labelNames, metricNames } from '../e2e/alerts/rules.ts';
import { resourceMetrics } from '../operator/resource-metrics.ts';
import { controllerMetrics, reflectorMetrics } from '../operator/runtime/metrics.ts';

const RULES = join(import.meta.dirname, '../charts/chatcells/templates/prometheusrule.yaml');
/** Given by Prometheus to every series, and by histograms to their buckets. */
const GIVEN = ['instance', 'le'];

async function labelsByMetric(): Promise<Map<string, readonly string[]>> {
  const registry = new Registry();
  // Has a registry of its own: some names are those of another role as well.
  const controlplane = new Registry();
  const none = new Map<string, never>();
  createMetrics(
    controlplane,
    () => 0,
    () => [],
  );
  createHttpMetrics(registry);
  new ChannelMetrics(registry);
  createGatewayMetrics(registry, { region: 'r', gateway: 'g' }, { monotonicMs: () => 0 } as never);
  controllerMetrics(registry);
  reflectorMetrics(registry, () => []);
  resourceMetrics(registry, { cells: none, rings: none, workspaces: none, practices: none });
  collectDefaultMetrics({ register: registry });
  const known = new Map<string, readonly string[]>();
  for (const metric of [...registry.getMetricsAsArray(), ...controlplane.getMetricsAsArray()]) {
    const {
      name,
      labelNames: labels,
      type,
    } = metric as unknown as { name: string; labelNames: string[]; type?: string };
    const isHistogram = type === 'histogram' || 'buckets' in metric;
    for (const suffix of isHistogram ? ['_bucket', '_sum', '_count'] : ['']) known.set(name + suffix, labels ?? []);
  }
  return known;
}

/** The expressions as they stand in the chart's template: Helm changes nothing in them. */
function ruleQueries(): string[] {
  const template = readFileSync(RULES, 'utf8');
  return [...template.matchAll(/^ {10}expr: (?:>-\n((?: {12}.*\n)+)|(.*)\n)/gm)].map((m) => m[1] ?? m[2]!);
}

test('the names in queries are read right', () => {
  const query = 'max by (cell) (a_b{c="d_e", f=~"g"}) / on (h) sum(rate(i_total[5m])) > 0 or absent(j_k)';
  assert.deepEqual(metricNames(query), ['a_b', 'i_total', 'j_k']);
  assert.deepEqual(labelNames(query), ['cell', 'h', 'c', 'f']);
  assert.deepEqual(metricNames('histogram_quantile(0.99, sum by (le) (rate(x_y_bucket[5m]))) > 2e7'), ['x_y_bucket']);
});

test('alerts and dashboard name metrics and labels that exist', async () => {
  const rules = ruleQueries();
  const panels = dashboardPanels().flatMap((p) => (p.targets ?? []).map((t) => t.expr));
  assert.ok(
    rules.length > 10 && panels.length > 40,
    `${rules.length} rules and ${panels.length} panel queries were read`,
  );
  const known = await labelsByMetric();
  const wrong = [...rules, ...panels].flatMap((query) => {
    const names = metricNames(query);
    const labels = new Set([...GIVEN, ...names.flatMap((n) => known.get(n) ?? [])]);
    return [
      ...(names.length === 0 ? [`no metric read in ${query}`] : []),
      ...names.filter((n) => !known.has(n)).map((n) => `no role has ${n}: ${query}`),
      ...labelNames(query)
        .filter((l) => !labels.has(l))
        .map((l) => `${names.join(', ')} has no label ${l}: ${query}`),
    ];
  });
  assert.deepEqual(wrong, []);
});
