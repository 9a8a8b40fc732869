/**
 * charts/chatcells/dashboards/chatcells.json, from the rows in dashboard-rows.ts. `node scripts/gen-dashboard.ts [--check]`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type PanelSpec, ROWS } from './dashboard-rows.ts';

const FILE = join(import.meta.dirname, '../charts/chatcells/dashboards/chatcells.json');

const WIDTH = 8;
const HEIGHT = 8;

function dashboard(): object {
  const panels: object[] = [];
  let y = 0;
  for (const [title, specs] of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    });
    specs.forEach((spec, n) => {
      const at = { x: (n % 3) * WIDTH, y: y + Math.floor(n / 3) * HEIGHT, w: WIDTH, h: HEIGHT };
      panels.push({ id: panels.length + 1, ...panel(spec), gridPos: at });
    });
    y += Math.ceil(specs.length / 3) * HEIGHT;
  }
  return {
    title: 'Chatcells',
    uid: 'chatcells',
    tags: ['chatcells'],
    schemaVersion: 39,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }] },
    panels,
  };
}

function panel({ title, about, unit, queries, limit }: PanelSpec): object {
  const steps = [{ color: 'green', value: null }, ...(limit === undefined ? [] : [{ color: 'red', value: limit }])];
  return {
    type: 'timeseries',
    title,
    description: about,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's
    datasource: { type: 'prometheus', uid: '${datasource}' },
    fieldConfig: {
      defaults: {
        unit,
        custom: { thresholdsStyle: { mode: limit === undefined ? 'off' : 'line' } },
        thresholds: { mode: 'absolute', steps },
      },
      overrides: [],
    },
    targets: queries.map(([expr, legendFormat], n) => ({
      refId: String.fromCharCode(65 + n),
      expr: expr.replaceAll('$r', '$__rate_interval'),
      legendFormat,
    })),
  };
}

const text = `${JSON.stringify(dashboard(), null, 2)}\n`;
if (process.argv.includes('--check')) {
  if (readFileSync(FILE, 'utf8') !== text) {
    console.error('charts/chatcells/dashboards/chatcells.json is not what scripts/gen-dashboard.ts makes: npm run gen');
    process.exit(1);
  }
} else writeFileSync(FILE, text);
