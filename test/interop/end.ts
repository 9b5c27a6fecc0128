import type { Content } from "./page/content.ts";
import type { EndState } from "./page/page-end.ts";

/** One end of calls, signed in: a client of some protocol, wherever it runs. */
export interface End {
  readonly user: string;
  /** What it sends while it is in a call. Without a colour it sends no picture. */
  readonly sends: { readonly color: string | undefined; readonly tone: number };
  state(): Promise<EndState>;
  /** What it sees and hears now. */
  content(): Promise<Content>;
  /** The ICE username fragments in use: its own, and the other end's. Empty where the client does not say. */
  ufrags(): Promise<readonly [own: string, other: string]>;
  call(to: string): Promise<void>;
  answer(): Promise<void>;
  decline(): Promise<void>;
  /** Ends its call; of a call that still rings it is the cancel. */
  hangup(): Promise<void>;
  /** Puts the call on hold, or goes on. */
  hold(on: boolean): Promise<void>;
  restartIce(): Promise<void>;
  /** Starts it again where it does not find a server again that was away during a ring or a call. True where that was needed. */
  revive?(during: "a ring" | "a call"): Promise<boolean>;
  /** How its connection is, for whoever looks why a call failed. */
  about?(): Promise<string>;
  close(): Promise<void>;
}

/** How long a client may take for a step, on a machine that is busy. ms */
const patience = 60_000;

/** Waits until what is asked for holds. */
export async function eventually(
  what: string | (() => string),
  holds: () => Promise<unknown>,
  within = patience,
): Promise<void> {
  const end = Date.now() + within;
  while (!(await holds())) {
    if (Date.now() > end)
      throw new Error(`waited ${within} ms for ${typeof what === "string" ? what : what()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Calls, answers, and waits until each sees the colour and hears the tone of the other. */
export async function converse(caller: End, callee: End): Promise<void> {
  await answered(caller, callee);
  await contentFlows(caller, callee);
}

/** Calls, and waits until it rings. */
export async function rung(caller: End, callee: End): Promise<void> {
  const { rings } = await callee.state();
  await caller.call(callee.user);
  await eventually(`${callee.user} to ring`, async () => (await callee.state()).rings > rings);
}

/** Calls, and answers when it rings. */
export async function answered(caller: End, callee: End): Promise<void> {
  await rung(caller, callee);
  await callee.answer();
}

/** Waits until each sees the colour and hears the tone of the other. */
export async function contentFlows(one: End, other: End): Promise<void> {
  await gets(one, other);
  await gets(other, one);
}

/** Waits until one sees the colour, in frames that are newer than now, and hears the tone of the other. */
export async function gets(hearing: End, sending: Pick<End, "sends">): Promise<void> {
  const { color, tone } = sending.sends;
  let last = await hearing.content();
  let { frames } = last;
  await eventually(
    () => `${hearing.user} to get ${color ?? "no picture"} and ${tone} Hz: it gets ${JSON.stringify(last)}`,
    async () => {
      last = await hearing.content();
      // Another stream counts anew.
      if (last.frames < frames) frames = last.frames;
      const seen = color === undefined || (last.color === color && last.frames > frames);
      return seen && Math.abs(last.tone - tone) < 25;
    },
  );
}

/** Waits until the end hears nothing for a second: an offer that undoes a hold follows it at once. */
export function silent(end: End): Promise<void> {
  let since = Number.POSITIVE_INFINITY;
  return eventually(`${end.user} to hear nothing`, async () => {
    since = (await end.content()).tone === 0 ? Math.min(since, performance.now()) : Number.POSITIVE_INFINITY;
    return performance.now() - since > 1_000;
  });
}

/** Waits until the call is over at all of them. */
export async function bothEnd(...ends: readonly End[]): Promise<void> {
  for (const end of ends)
    await eventually(`${end.user} to see the end`, async () => (await end.state()).ended !== undefined);
}
