/** Polls until `check` stops throwing and returns anything but false; fails with its last error at the deadline. */
export async function eventually<R>(check: () => R | Promise<R>, deadlineMs = 20_000): Promise<Exclude<R, false>> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    let problem: unknown = new Error('the condition stayed false');
    try {
      const result = await check();
      if (result !== false) return result as Exclude<R, false>;
    } catch (e) {
      problem = e;
    }
    if (performance.now() > end) throw problem;
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
}
