/** A sample of something over time: hours, and its value. */
export type Sample = readonly [hours: number, value: number];

/** The slope of the line that fits best (least squares): by how much the value grows in an hour. */
export function slope(samples: readonly Sample[]): number {
  const { length } = samples;
  const mean = (of: (sample: Sample) => number) => samples.reduce((sum, one) => sum + of(one), 0) / length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  let above = 0;
  let below = 0;
  for (const [x, y] of samples) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
