import type { WireCode } from "../protocol/error-codes.ts";
import type { Hello, Welcome } from "../protocol/handshake.ts";
import type { Push } from "../protocol/pushes.ts";

/** A frame: any JSON object. */
export type Json = Readonly<Record<string, unknown>>;

/** A request on its way. Its id is known to the link only. */
export interface Outgoing {
  readonly body: Json & { readonly type: string };
  /** The request is idempotent: it may be sent again on a new link. */
  readonly repeat: boolean | undefined;
  /** Called once, with the result. `ok` counts only without an error. */
  settle(ok: Json | undefined, error?: Refusal): void;
}

/** Why a request was refused. The defaults are those of {@link SwitchboardError}. */
export interface Refusal {
  readonly code: WireCode | "closed";
  readonly message?: string;
  readonly temporary?: boolean;
  readonly retryAfter?: number;
}

/** The parts of a hello that the link does not know. */
export type Introduction = Pick<Hello, "token" | "device" | "sessions">;

export type LinkState = "connecting" | "online" | "reconnecting" | "closed";

/** What the link needs done. None of these may call the link before they return. */
export interface LinkShell {
  /** Gets a token, then calls `token`. */
  needToken(): void;
  open(attempt: number, http: boolean, url: string | undefined): void;
  send(frame: Json): void;
  /** Closes the transport. What still comes from it does not count. */
  shut(code: number): void;
  /** Fetches a fresh token, sends `refresh` with it, then calls `renewed`. */
  renew(): void;
}

/** What the link tells its client. None of these may call the link before they return. */
export interface LinkEvents {
  entered(state: LinkState): void;
  welcome(welcome: Welcome): void;
  push(push: Push): void;
  /** The link has ended, with this close code and reason (1000: closed by this client). */
  stopped(code: number, reason: string): void;
}
