/**
 * Spans of the dataplane, exported over OTLP/HTTP when an endpoint is configured and free otherwise: the libraries are
 * not even loaded. A caller's trace passes through unchanged either way.
 */
import type { Trace } from '../protocol/frames.ts';

export type SpanAttributes = Record<string, string | number | boolean>;

export interface Span {
  /** What to hand on: this span as parent, or the caller's trace when nothing is exported. */
  readonly trace: Trace | undefined;
  /** `error`: a code of the error table; the span is then marked as failed. */
  end(error?: string): void;
}

export interface Tracer {
  /** Whether `startSpan` does anything with this trace: lets hot paths skip making attributes. */
  records(trace: Trace | undefined): boolean;
  startSpan(name: string, trace: Trace | undefined, attributes?: SpanAttributes): Span;
  /** Sends what is left. Idempotent. */
  close(): Promise<void>;
}

export const noTracer: Tracer = {
  records: () => false,
  startSpan: (_name, trace) => ({ trace, end: () => undefined }),
  close: async () => undefined,
};

export interface TracingOptions {
  /** Base URL of the OTLP/HTTP receiver, as OTEL_EXPORTER_OTLP_ENDPOINT; empty turns tracing off. */
  endpoint: string;
  /** service.name: the role. */
  service: string;
  /** Further resource attributes: pod, cell, zone, region. */
  resource?: SpanAttributes;
}

export async function createTracer(options: TracingOptions): Promise<Tracer> {
  if (options.endpoint === '') return noTracer;
  const { createOtelTracer } = await import('./otel-tracer.ts');
  return createOtelTracer(options);
}
