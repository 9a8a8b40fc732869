/** The alert rules of the chart, judged by promtool: each fires when it should, and not when it should not. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { CASES, type Case } from './cases.ts';
import { alertsOf, dashboardPanels, ROOT, type Rule, renderRules } from './rules.ts';

const dir = mkdtempSync(join(tmpdir(), 'chatcells-alerts-'));
after(() => rmSync(dir, { recursive: true }));
const promtool = (...args: string[]) => spawnSync(join(ROOT, '.tools/bin/promtool'), args, { encoding: 'utf8' });
const file = (name: string, content: object): string => {
  writeFileSync(join(dir, name), stringify(content));
  return join(dir, name);
};

const rendered = renderRules();
const rules = new Map(alertsOf(rendered).map((r) => [r.alert, r]));
const rulesFile = file('rules.yaml', rendered);

test('promtool accepts the rules', () => {
  const { status, stderr, stdout } = promtool('check', 'rules', '--lint=all', '--lint-fatal', rulesFile);
  assert.equal(status, 0, stdout + stderr);
});

test('promtool accepts every query of the dashboard', () => {
  const queries = dashboardPanels().flatMap((p) => p.targets ?? []);
  assert.ok(queries.length > 20, `only ${queries.length} queries`);
  const recorded = queries.map(({ expr }, n) => ({
    record: `panel:query_${n}`,
    expr: expr.replaceAll('$__rate_interval', '1m'),
  }));
  const { status, stderr } = promtool(
    'check',
    'rules',
    file('panels.yaml', { groups: [{ name: 'panels', rules: recorded }] }),
  );
  assert.equal(status, 0, stderr);
});

test('every alert has a case that fires and one that does not', () => {
  const lacking = [...rules.keys()].filter((alert) => {
    const own = CASES.filter((c) => c.alert === alert);
    return !own.some((c) => c.fires.length > 0) || !own.some((c) => c.fires.length === 0);
  });
  assert.deepEqual(lacking, []);
});

for (const c of CASES) {
  test(`${c.alert}: ${c.name}${c.fires.length > 0 ? ', so it fires' : ': silent'}`, () => {
    const rule = rules.get(c.alert);
    assert.ok(rule, `${c.alert} is not among the rules`);
    const { status, stderr, stdout } = promtool('test', 'rules', file('case.yaml', unitTest(c, rule)));
    assert.equal(status, 0, stdout + stderr);
  });
}

test('the base of the runbooks is a value of the chart', () => {
  const [first] = alertsOf(renderRules(['--set', 'prometheusRule.runbookUrl=https://wiki.example/chat/']));
  assert.equal(first?.annotations.runbook_url, `https://wiki.example/chat/${first?.alert}.md`);
});

/** Annotations are the rule's own with the labels filled in: what is judged is when, and for whom, it fires. */
function unitTest({ alert, series, atMinutes, fires }: Case, rule: Rule): object {
  const filled = (text: string, labels: Readonly<Record<string, string>>): string =>
    text.replace(/\{\{ \$labels\.(\w+) \}\}/g, (_, label: string) => labels[label] ?? '');
  return {
    rule_files: [rulesFile],
    evaluation_interval: '30s',
    tests: [
      {
        interval: '30s',
        input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
        alert_rule_test: [
          {
            eval_time: `${atMinutes}m`,
            alertname: alert,
            exp_alerts: fires.map((labels) => ({
              exp_labels: { ...rule.labels, ...labels },
              exp_annotations: Object.fromEntries(
                Object.entries(rule.annotations).map(([key, text]) => [key, filled(text, labels)]),
              ),
            })),
          },
        ],
      },
    ],
  };
}
