import type { Ended } from "../client/index.ts";
import type { Ending, SignInProblem } from "./state.ts";

/** How the page shows the end of a call: as a scene of its own, as a note, or not at all. */
export type Outcome =
  | { readonly scene: Ending; readonly device?: string }
  | { readonly note: string }
  | undefined;

export function outcomeOf(ended: Ended, peer: string, me: string, lasted: string | undefined): Outcome {
  const byMe = ended.by === undefined || ended.by.user === me;
  switch (ended.reason) {
    case "hangup":
    case "cancelled":
      if (byMe) return undefined;
      return { note: lasted === undefined ? `${peer} hung up.` : `${peer} hung up after ${lasted}.` };
    case "declined":
    case "declined_elsewhere":
      return { scene: { kind: "declined" } };
    case "busy":
      return { scene: { kind: "busy" } };
    case "no_answer":
    case "unconfirmed":
      return { scene: { kind: "unanswered" } };
    case "unreachable":
      return { scene: { kind: "offline" } };
    case "failed":
      return { scene: { kind: "no-path" } };
    case "lost":
      return { scene: { kind: "lost" } };
    case "moved":
      return { scene: { kind: "moved" }, ...(ended.device === undefined ? {} : { device: ended.device }) };
    case "closed":
      return byMe ? undefined : { note: `${peer} left.` };
    case "left":
    case "merged":
    case "accepted":
      return undefined;
    default:
      return { scene: { kind: "refused", text: refusal(ended, peer) } };
  }
}

function refusal({ reason, error }: Ended, peer: string): string {
  if (error?.code === "forbidden" || reason === "forbidden")
    return `This server does not allow you to call ${peer}.`;
  if (error?.code === "rate_limited" || error?.code === "too_many_rings")
    return "Too many calls at once. Wait a moment, then try again.";
  if (reason === "incompatible") return `Your device and ${peer}’s do not understand each other’s media.`;
  if (reason === "shutdown") return "The server ended it. Try again in a moment.";
  return error?.message ?? `The server said “${reason.replaceAll("_", " ")}”. Try again.`;
}

const names = /^[^\s/:*\p{C}]{1,128}$/u;

/** What is wrong with the form of a name, before the server is asked. */
export function nameProblem(name: string): SignInProblem | undefined {
  return names.test(name) ? undefined : { kind: "name" };
}

/** Why the client stopped, for the sign-in form; undefined when the device signed in elsewhere. */
export function signInProblem({ error }: Ended, how: "name" | "token"): SignInProblem | undefined {
  const text = error?.message === undefined || error.message === error.code ? {} : { text: error.message };
  switch (error?.code) {
    case "unauthorized":
    case "token_expired":
      return how === "name" ? { kind: "wants-token", ...text } : { kind: "token", ...text };
    case "forbidden":
      return { kind: "origin", ...text };
    case "bad_request":
      return { kind: how, ...text };
    case "replaced":
      return undefined;
    default:
      return { kind: "ended", ...text };
  }
}
