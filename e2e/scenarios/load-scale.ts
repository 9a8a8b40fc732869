/** How much load there is while a scenario runs. */
export interface LoadScale {
  clients: number;
  /** Mean time between two posts of one client, in milliseconds. */
  postEveryMs: number;
}

/** Some 40 posts a second over 30 channels: enough that every channel has work in every second, light enough for two cores. */
export const DEFAULT_LOAD: LoadScale = { clients: 60, postEveryMs: 1500 };
