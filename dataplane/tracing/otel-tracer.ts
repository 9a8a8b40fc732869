/** The tracer over OpenTelemetry's SDK. Only traces that the caller sampled are recorded: nobody pays unasked. */
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace as traceApi } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { Trace } from '../protocol/frames.ts';
import { noTracer, type Tracer, type TracingOptions } from './tracing.ts';

export function createOtelTracer(
  options: TracingOptions,
  exporter: SpanExporter = new OTLPTraceExporter({ url: `${options.endpoint.replace(/\/$/, '')}/v1/traces` }),
): Tracer {
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ 'service.name': options.service, ...options.resource }),
    spanProcessors: [new BatchSpanProcessor(exporter)],
  });
  const tracer = provider.getTracer('chatcells');
  const records = (trace: Trace | undefined): trace is Trace =>
    trace !== undefined && (trace.flags & TraceFlags.SAMPLED) !== 0;
  let closing: Promise<void> | undefined;
  return {
    records,
    startSpan(name, trace, attributes = {}) {
      if (!records(trace)) return noTracer.startSpan(name, trace);
      const parent = traceApi.setSpanContext(ROOT_CONTEXT, {
        traceId: trace.traceId,
        spanId: trace.spanId,
        traceFlags: trace.flags,
        isRemote: true,
      });
      const span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
      const { traceId, spanId, traceFlags } = span.spanContext();
      return {
        trace: { traceId, spanId, flags: traceFlags },
        end(error) {
          if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: error });
          span.end();
        },
      };
    },
    close: () => {
      // A receiver that is down must not fail an orderly end.
      closing ??= provider.shutdown().catch(() => undefined);
      return closing;
    },
  };
}
