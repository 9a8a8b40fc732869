/** The delta ADS client stream. It knows nothing of what the resources mean; `AdsSink` does. */
import { ADS_SERVICE, type DeltaRequest, type DeltaResource, type DeltaResponse, type XdsNode } from './messages.ts';
import { type ReplicaOptions, ReplicaStream } from './replica-stream.ts';

export interface AdsSink {
  /** What to ask for, by type, at the start of each stream. */
  subscriptions(): { type: string; names: string[]; versions: Record<string, string> }[];
  /** Takes what it can. Returns why the rest was refused; an empty list is an ACK. */
  apply(type: string, resources: readonly DeltaResource[], removed: readonly string[]): string[];
}

export interface AdsStreamOptions extends ReplicaOptions {
  node: XdsNode;
}

export class AdsStream {
  readonly #options: AdsStreamOptions;
  readonly #sink: AdsSink;
  readonly #stream: ReplicaStream<DeltaRequest, DeltaResponse>;

  constructor(options: AdsStreamOptions, sink: AdsSink) {
    this.#options = options;
    this.#sink = sink;
    this.#stream = new ReplicaStream<DeltaRequest, DeltaResponse>(ADS_SERVICE.DeltaAggregatedResources, options, {
      opened: () => this.#subscriptions(),
      response: (response) => this.#answer(response),
    });
  }

  /** Changes a subscription by name on the live stream; without one the next stream asks for everything anyway. */
  change(type: string, subscribe: string[], unsubscribe: string[]): void {
    this.#stream.write({
      type_url: type,
      resource_names_subscribe: subscribe,
      resource_names_unsubscribe: unsubscribe,
    });
  }

  close(): void {
    this.#stream.close();
  }

  #subscriptions(): DeltaRequest[] {
    return this.#sink.subscriptions().map(({ type, names, versions }, i) => ({
      ...(i === 0 ? { node: this.#options.node } : {}),
      type_url: type,
      resource_names_subscribe: names,
      initial_resource_versions: versions,
    }));
  }

  #answer({ type_url, nonce, resources, removed_resources }: DeltaResponse): void {
    const refused = this.#sink.apply(type_url, resources, removed_resources);
    if (refused.length > 0) this.#options.log.error({ type: type_url, refused }, 'control resource refused');
    this.#stream.write({
      type_url,
      response_nonce: nonce,
      ...(refused.length > 0 ? { error_detail: { code: 3, message: refused.join('; ') } } : {}),
    });
  }
}
