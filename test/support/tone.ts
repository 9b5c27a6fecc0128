/** What is quieter than this share of full scale is silence. */
const audible = 0.01;

/** The loudest tone between 200 and 3,000 Hz in these samples (−1 to 1), in Hz to within 10; 0 for silence. */
export function toneOf(samples: Float64Array, rate: number): number {
  if (samples.length < 2_048) return 0;
  let [best, loudest] = [0, 0];
  for (let frequency = 200; frequency <= 3_000; frequency += 10) {
    const power = powerOf(samples, frequency / rate);
    if (power > loudest) [best, loudest] = [frequency, power];
  }
  return (2 * Math.sqrt(loudest)) / samples.length > audible ? best : 0;
}

/** Goertzel's algorithm, at a frequency in cycles a sample. */
function powerOf(samples: Float64Array, frequency: number): number {
  const factor = 2 * Math.cos(2 * Math.PI * frequency);
  let [one, two] = [0, 0];
  for (const sample of samples) [one, two] = [sample + factor * one - two, one];
  return one * one + two * two - factor * one * two;
}
