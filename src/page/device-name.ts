import type { Device } from "./page.ts";

/** What this browser calls itself, for other people: `Chrome on Linux`. */
export function deviceName(agent: string): string {
  const find = (table: readonly (readonly [RegExp, string])[]) =>
    table.find(([pattern]) => pattern.test(agent))?.[1];
  const browser = find([
    [/Edg/, "Edge"],
    [/OPR/, "Opera"],
    [/Firefox|FxiOS/, "Firefox"],
    [/Chrom|CriOS/, "Chrome"],
    [/Safari/, "Safari"],
  ]);
  const system = find([
    [/Android/, "Android"],
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Mac/, "macOS"],
    [/Windows/, "Windows"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ]);
  return [browser ?? "Browser", system].filter(Boolean).join(" on ");
}

/** `phone` for what is held in a hand, else `browser`. */
export function deviceKind(agent: string): string {
  return /Mobi/.test(agent) ? "phone" : "browser";
}

/** Labels for the devices of one user: two of the same name are told apart by a number, in the given order. */
export function labelDevices(
  devices: readonly {
    readonly device?: string | undefined;
    readonly kind?: string | undefined;
    readonly name?: string | undefined;
  }[],
): Device[] {
  const seen = new Map<string, number>();
  return devices.map(({ device = "", kind, name }) => {
    const base = name ?? kind ?? "a device";
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return { id: device, label: count === 1 ? base : `${base} (${count})` };
  });
}
