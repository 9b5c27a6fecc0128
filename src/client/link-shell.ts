import type { WireCode } from "../protocol/error-codes.ts";
import type { Hello, Welcome } from "../protocol/handshake.ts";
import type { Push } from "../protocol/pushes.ts";

/** A frame: an object with whatever its sender put into it. */
export type Json = Readonly<Record<string, unknown>>;

/** A request on its way. The link knows it by identity; its id is the link's own business. */
export interface Outgoing {
  readonly body: Json & { readonly type: string };
  /** Asking twice does no more than asking once: it may be sent again on a new link. */
  readonly repeat: boolean;
  /** Exactly one of both is given. */
  settle(ok: Json | undefined, error?: Refusal): void;
}

/** Why a request was not granted. What is missing is as {@link SwitchboardError} has it by default. */
export interface Refusal {
  readonly code: WireCode | "closed";
  readonly message?: string;
  readonly temporary?: boolean;
  readonly retryAfter?: number;
}

/** What a hello needs and the link does not know. */
export type Introduction = Pick<Hello, "token" | "device" | "sessions">;

export type LinkState = "connecting" | "online" | "reconnecting" | "closed";

/** What the link has done for it. None of these may call back into the link before they return. */
export interface LinkShell {
  /** Get a token, then say `token`. */
  needToken(): void;
  open(attempt: number, http: boolean, url: string | undefined): void;
  send(frame: Json): void;
  /** Close the transport; nothing that it still says counts. */
  shut(code: number): void;
  /** Fetch a fresh token and `refresh` with it, then say `renewed`. */
  renew(): void;
}

/** What comes of the link. The same rule holds. */
export interface LinkEvents {
  entered(state: LinkState): void;
  welcome(welcome: Welcome): void;
  push(push: Push): void;
  /** It is over: code and reason of the close that said so (1000: our own). */
  stopped(code: number, reason: string): void;
}
