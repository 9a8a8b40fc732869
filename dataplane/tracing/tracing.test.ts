import assert from 'node:assert/strict';
import { it } from 'node:test';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import fc from 'fast-check';
import { createOtelTracer } from './otel-tracer.ts';
import { formatTraceparent, parseTraceparent } from './traceparent.ts';
import { createTracer, noTracer } from './tracing.ts';

const TEXT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

it('reads and writes traceparent, and takes no rubbish for one', () => {
  assert.equal(formatTraceparent(parseTraceparent(TEXT)!), TEXT);
  for (const bad of [
    undefined,
    1,
    '',
    'x',
    TEXT.toUpperCase(),
    `ff${TEXT.slice(2)}`,
    TEXT.replace(/4bf9\w+/, '0'.repeat(32)),
  ])
    assert.equal(parseTraceparent(bad), undefined, String(bad));
  fc.assert(fc.property(fc.string(), (s) => parseTraceparent(s) === undefined || s.length >= 55));
});

it('hands the trace on unchanged when nothing is exported', async () => {
  const tracer = await createTracer({ endpoint: '', service: 'gateway' });
  assert.equal(tracer, noTracer);
  const trace = parseTraceparent(TEXT);
  assert.equal(tracer.startSpan('post', trace).trace, trace);
});

it('exports a child of the caller’s span when it is sampled', async () => {
  const exporter = new InMemorySpanExporter();
  const tracer = createOtelTracer({ endpoint: 'http://127.0.0.1:9', service: 'gateway' }, exporter);
  const trace = parseTraceparent(TEXT)!;
  const span = tracer.startSpan('gateway.write', trace, { topic: 'C1' });
  assert.equal(span.trace?.traceId, trace.traceId);
  assert.notEqual(span.trace?.spanId, trace.spanId);
  span.end();
  tracer.startSpan('unsampled', { ...trace, flags: 0 }).end();
  const spans: { name: string; parent: string | undefined }[] = [];
  const original = exporter.shutdown.bind(exporter);
  exporter.shutdown = async () => {
    for (const s of exporter.getFinishedSpans()) spans.push({ name: s.name, parent: s.parentSpanContext?.spanId });
    return original();
  };
  await tracer.close();
  await tracer.close();
  assert.deepEqual(spans, [{ name: 'gateway.write', parent: trace.spanId }]);
});
