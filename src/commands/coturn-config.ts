import type { Settings } from "../config/schema.ts";
import { coturnConfigFor } from "../server/turn.ts";

/** Prints a `turnserver.conf` that shares `turn.secret` with this server. Answers the exit code. */
export function printCoturnConfig(settings: Settings): number {
  if (settings.turn.secret === "") {
    console.error(
      "switchboard: setting turn.secret: missing; coturn and this server share it (`openssl rand -base64 32` makes one)",
    );
    return 2;
  }
  try {
    console.log(coturnConfigFor(settings, settings.turn.secret));
    return 0;
  } catch (error) {
    console.error(`switchboard: setting turn: ${(error as Error).message}`);
    return 2;
  }
}
