/** What one process hears from the simulated control plane: a ControlSource that is pushed to. */
import type { DrainOrder } from '../../cells/contract/control.ts';
import { LocalControl } from '../dev/local-control.ts';

type OrderListener = (order: DrainOrder) => void;

export class SimControl extends LocalControl {
  readonly #listeners = new Set<OrderListener>();
  #order: DrainOrder | undefined;

  /** An order with a lower generation is ignored, as the ADS client does. */
  setOrder(order: DrainOrder): void {
    if (this.#order !== undefined && this.#order.generation >= order.generation) return;
    this.#order = order;
    for (const listener of [...this.#listeners]) listener(order);
  }

  override drainOrder(): DrainOrder | undefined {
    return this.#order;
  }

  override onDrainOrder(listener: OrderListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
