import { options } from "../config/option.ts";
import type { PartContext } from "./service.ts";

/** Ports that are opened together, by their settings, such as `turn.udpPort`. */
type Ports<S extends string> = Readonly<Record<S, number>>;

/** How many ports above a taken one are tried. */
const nextTried = 100;

/**
 * Opens the ports that the settings name; 0 stands for any free one. In development mode a default port that is taken is replaced by the next free one, and the log
 * says so: a second server on the machine starts as well. A port that somebody gave by flag, environment, file or option is meant: where
 * it is taken, this rejects with an Error of one line that names its setting. Other failures of `open` are passed on.
 */
export async function openPorts<S extends string, T>(
  { settings, log }: Pick<PartContext, "settings" | "log">,
  wanted: Ports<S>,
  open: (ports: Ports<S>) => Promise<T>,
): Promise<T> {
  const names = (Object.keys(wanted) as S[]).filter((name) => wanted[name] > 0);
  const replaceable = names.filter((name) => settings.dev && !settings.given.has(name));
  const last = replaceable.length > 0 ? nextTried : 0;
  for (let plus = 0; plus <= last; plus++) {
    const next = replaceable.map((name) => [name, wanted[name] + plus]);
    const ports: Ports<S> = { ...wanted, ...Object.fromEntries(next) };
    try {
      const opened = await open(ports);
      if (plus > 0) {
        const [former, used] = [
          told(replaceable, wanted).join(" or "),
          told(replaceable, ports).join(" and "),
        ];
        log.warn(`${former} is taken: using ${used}`);
      }
      return opened;
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
  const meant = names.filter((name) => !replaceable.includes(name));
  throw new Error(inUse(meant.length > 0 ? meant : names, wanted));
}

function told<S extends string>(names: readonly S[], ports: Ports<S>): string[] {
  return names.map((name) => `${name} ${ports[name]}`);
}

/** An error of another thread brings its message only. */
function isTaken(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "EADDRINUSE" || message.includes("EADDRINUSE");
}

function inUse<S extends string>(names: readonly S[], wanted: Ports<S>): string {
  const ports = [...new Set(names.map((name) => wanted[name]))].join(" or ");
  const ways = options
    .filter(({ path }) => (names as readonly string[]).includes(path))
    .map(({ flag, env }) => `--${flag} or ${env.at(-1)}`);
  return `setting ${names.join(" or ")}: ${ports} is in use by another program; choose another with ${ways.join(", ")}`;
}
