const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** The seconds of a time such as `90s`, `15m`, `1h` or `7d`. Undefined for anything else, and for none. */
export function duration(text: string | true): number | undefined {
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(String(text)) ?? [];
  return count === undefined || Number(count) === 0 ? undefined : Number(count) * (units[unit] ?? 1);
}
