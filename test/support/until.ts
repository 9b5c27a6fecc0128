/** Resolves once the condition holds. Rejects after `patience` ms, with the text of the condition. */
export async function until(condition: () => boolean, patience: number): Promise<void> {
  const deadline = Date.now() + patience;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${patience} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
