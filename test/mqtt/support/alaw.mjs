// G.711 A-law, as far as tones need it.

/** One sample of -1…1. */
export function encodeAlaw(sample) {
  const value = Math.max(-32_635, Math.min(32_635, Math.round(sample * 32_635)));
  const sign = value >= 0 ? 0x80 : 0;
  const size = Math.abs(value);
  const exponent = size < 256 ? 0 : Math.min(7, Math.floor(Math.log2(size)) - 7);
  const mantissa = (size >> (exponent === 0 ? 4 : exponent + 3)) & 0x0f;
  return (sign | (exponent << 4) | mantissa) ^ 0x55;
}

/** True for a sample above zero. */
const isPositive = (byte) => ((byte ^ 0x55) & 0x80) !== 0;

/** The frequency of a tone, by how often it crosses zero upwards. Hz */
export function frequencyOf(bytes, rate = 8_000) {
  let crossings = 0;
  for (let at = 1; at < bytes.length; at++)
    if (isPositive(bytes[at]) && !isPositive(bytes[at - 1])) crossings++;
  return Math.round((crossings * rate) / bytes.length);
}
