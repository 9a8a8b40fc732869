// Generates crds/types.generated.ts from the CRD YAML; `--check` fails when the file on disk differs.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { parse } from 'yaml';

const CRD_FILES = ['cell', 'channelring', 'practicedrain', 'workspace'] as const;
const OUT = new URL('../crds/types.generated.ts', import.meta.url);

interface CustomResourceDefinition {
  spec: { names: { kind: string }; versions: { schema: { openAPIV3Schema: JSONSchema } }[] };
}

/** JSON Schema needs `additionalProperties: false` said; a structural schema prunes what it does not name. */
function closed(schema: JSONSchema): JSONSchema {
  const copy: JSONSchema = { ...schema };
  if ('x-kubernetes-int-or-string' in copy) return { oneOf: [{ type: 'integer' }, { type: 'string' }] };
  if (copy.properties) {
    copy.properties = Object.fromEntries(Object.entries(copy.properties).map(([k, v]) => [k, closed(v)]));
    copy.additionalProperties ??= false;
  } else if (typeof copy.additionalProperties === 'object') {
    copy.additionalProperties = closed(copy.additionalProperties);
  }
  if (copy.items && !Array.isArray(copy.items)) copy.items = closed(copy.items);
  delete copy.minItems;
  delete copy.maxItems;
  return copy;
}

async function generate(): Promise<string> {
  const parts = ['// Generated from the CRD YAML by `npm run gen`. Do not edit.\n'];
  for (const file of CRD_FILES) {
    const crd = parse(
      readFileSync(new URL(`../crds/${file}.yaml`, import.meta.url), 'utf8'),
    ) as CustomResourceDefinition;
    const { properties = {} } = crd.spec.versions[0]!.schema.openAPIV3Schema;
    for (const section of ['spec', 'status'] as const) {
      const name = `${crd.spec.names.kind}${section === 'spec' ? 'Spec' : 'Status'}`;
      parts.push(
        await compile({ ...closed(properties[section]!), title: name }, name, { bannerComment: '', format: false }),
      );
    }
  }
  return parts.join('\n');
}

const text = await generate();
if (process.argv.includes('--check')) {
  if (readFileSync(OUT, 'utf8') !== text) {
    console.error('crds/types.generated.ts is not what the CRD YAML gives: run `npm run gen` and commit it.');
    process.exit(1);
  }
} else {
  writeFileSync(OUT, text);
}
