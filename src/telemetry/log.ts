import pino, { type Logger } from "pino";
import pretty from "pino-pretty";

export type { Logger };

export interface LogRules {
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
  /** `auto`: pretty on a terminal, JSON elsewhere. */
  readonly format: "auto" | "json" | "pretty";
}

/** The log of this process: one line an event, on standard output. */
export function createLog(rules: LogRules): Logger {
  const asText = rules.format === "pretty" || (rules.format === "auto" && process.stdout.isTTY === true);
  const options = { level: rules.level, base: null };
  return asText
    ? pino(
        options,
        pretty({
          sync: true,
          translateTime: "SYS:HH:MM:ss.l",
          colorize: process.stdout.isTTY === true,
          // pino-pretty puts `caller` beside the level. Ours is a user, or an object with the device.
          customPrettifiers: { caller: (caller) => JSON.stringify(caller).replaceAll('"', "") },
        }),
      )
    : pino({
        ...options,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (level) => ({ level }) },
      });
}
