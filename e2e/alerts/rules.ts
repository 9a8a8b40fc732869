/** The alert rules and the dashboard as the chart ships them, and the tools of Prometheus that judge them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

export const ROOT = join(import.meta.dirname, '../..');
const CHART = join(ROOT, 'charts/chatcells');

export interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}

export interface RuleFile {
  groups: { name: string; rules: Rule[] }[];
}

/** The rules of the chart's PrometheusRule, rendered by Helm. `args`: further arguments of `helm template`. */
export function renderRules(args: readonly string[] = []): RuleFile {
  const flags = ['--kube-version', '1.34.4', '--set', 'store.url=mysql://user@host/chat,prometheusRule.enabled=true'];
  const text = execFileSync(join(ROOT, '.tools/bin/helm'), ['template', 'chatcells', CHART, ...flags, ...args], {
    encoding: 'utf8',
  });
  const rule = parseAllDocuments(text)
    .map((d) => d.toJS() as { kind: string; spec: RuleFile } | null)
    .find((o) => o?.kind === 'PrometheusRule');
  if (!rule) throw new Error('the chart rendered no PrometheusRule');
  return rule.spec;
}

export const alertsOf = (file: RuleFile): Rule[] => file.groups.flatMap((g) => g.rules);

export interface Panel {
  title: string;
  type: string;
  description?: string;
  targets?: { expr: string }[];
  panels?: Panel[];
}

/** The panels of the dashboard, rows opened. */
export function dashboardPanels(): Panel[] {
  const { panels } = JSON.parse(readFileSync(join(CHART, 'dashboards/chatcells.json'), 'utf8')) as { panels: Panel[] };
  return panels.flatMap((p) => [p, ...(p.panels ?? [])]);
}

/** Names of metrics that a query reads, as they stand in it: `x_bucket` for a histogram's. */
export function metricNames(expr: string): string[] {
  const words = expr
    .replace(/"[^"]*"/g, '""')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g);
  const keywords = new Set(['and', 'or', 'unless', 'offset', 'bool', 'by', 'without', 'on', 'ignoring', 'le', 'e7']);
  return [...new Set([...words].map((m) => m[0]).filter((w) => w.includes('_') && !keywords.has(w)))].filter(
    (w) => !new RegExp(`\\b${w}\\s*\\(`).test(expr),
  );
}

/** Labels that a query matches or groups by. */
export function labelNames(expr: string): string[] {
  const text = expr.replace(/"[^"]*"/g, '""');
  const grouped = [...text.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)].flatMap((m) => m[1]!.split(','));
  const matched = [...text.matchAll(/\{([^}]*)\}/g)].flatMap((m) =>
    [...m[1]!.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map((x) => x[1]!),
  );
  return [...new Set([...grouped, ...matched].map((l) => l.trim()).filter((l) => l !== ''))];
}
