import type { Ended } from "./api.ts";
import { toError } from "./error.ts";

/** How a session ended, from the server's push. */
export function toEnded({ reason, by, device, detail }: Ended): Ended {
  return { reason, by, device, detail };
}

/** How something ended that an error kept from beginning or going on. */
export function failure(thrown: unknown): Ended {
  const error = toError(thrown, "negotiation_failed");
  const { code } = error;
  return { reason: code === "forbidden" || code === "closed" ? code : "failed", error };
}
