/** Names and values, such as statistics. A value that isn't known yet is a dash. */
export function Figures({ of }: { of: readonly (readonly [name: string, value: string | undefined])[] }) {
  return (
    <dl class="figures">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}

/** `1.24 Mbit/s`, `380 kbit/s`; undefined stays undefined. */
export function bitrateText(bitrate: number | undefined): string | undefined {
  if (bitrate === undefined) return undefined;
  return bitrate >= 999_500
    ? `${(bitrate / 1_000_000).toFixed(2)} Mbit/s`
    : `${Math.round(bitrate / 1_000)} kbit/s`;
}

/** A share from 0 to 1 as `0.4 %`. */
export function shareText(share: number | undefined): string | undefined {
  return share === undefined ? undefined : `${(100 * share).toFixed(1)} %`;
}

/** Milliseconds as `48 ms`. */
export function delayText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : `${Math.round(ms)} ms`;
}

/** `1 viewer`, `12 viewers`. */
export function viewersText(count: number): string {
  return `${count.toLocaleString("en")} viewer${count === 1 ? "" : "s"}`;
}
