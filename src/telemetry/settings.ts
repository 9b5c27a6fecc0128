import { Type } from "typebox";

/** What is logged, and how. */
export const logSettings = {
  log: Type.Object(
    {
      level: Type.Enum(["trace", "debug", "info", "warn", "error", "silent"], {
        default: "info",
        description: "`trace`, `debug`, `info`, `warn`, `error` or `silent`.",
      }),
      format: Type.Enum(["auto", "json", "pretty"], {
        default: "auto",
        description: "`json`, `pretty`, or `auto`: pretty on a terminal.",
      }),
    },
    { description: "Logs, on standard output." },
  ),
};
