import { type PushTarget, shownTarget } from "./target.ts";

/** `waiting`: for the next attempt, or for the publisher. `live`: the target takes the stream. */
type PushState = "waiting" | "connecting" | "live";

/** A push as the API shows it. */
export interface ShownPush {
  readonly id: string;
  readonly stream: string;
  readonly kind: PushTarget["kind"];
  /** The target without its path, key and token. */
  readonly to: string;
  /** By `media.push`, or by the API. */
  readonly by: "rule" | "request";
  readonly state: PushState;
  /** Unix ms of the last change of `state`. */
  readonly since: number;
  /** Attempts that failed, without a minute of success between them. */
  readonly failures: number;
  /** Why the last attempt failed, in words. */
  readonly failure?: string;
}

/** What happens to a push, for applications. */
export interface PushEvent {
  readonly type: "started" | "failed" | "ended";
  readonly push: ShownPush;
  /** Why it failed or ended. */
  readonly reason?: string;
}

export interface PushPorts {
  now(): number;
  /** Calls back after so many ms, until it is cancelled. */
  after(ms: number, due: () => void): () => void;
  /** An unguessable text of so many random bytes, base64url. */
  random(bytes: number): string;
  /** True while the publisher is connected. */
  live(stream: string): boolean;
  /** The targets of `media.push` for a stream. */
  targets(stream: string): readonly PushTarget[];
  /** Begins an attempt. What becomes of it is told by {@link StreamPushes.heard}. */
  begin(attempt: number, stream: string, target: PushTarget): void;
  /** Ends an attempt. Nothing more is told of it. */
  end(attempt: number): void;
  tell(event: PushEvent): void;
}

/** How long the next attempt waits: doubled with each failure. A target that held for `calmAfter` begins anew. ms */
const [firstPause, longestPause, calmAfter] = [1_000, 60_000, 60_000];
const idBytes = 9;

interface Push {
  readonly id: string;
  readonly stream: string;
  readonly target: PushTarget;
  readonly by: "rule" | "request";
  state: PushState;
  since: number;
  failures: number;
  failure: string | undefined;
  /** 0 while there is none. */
  attempt: number;
  cancel: (() => void) | undefined;
}

/**
 * Which streams are pushed where: by rule while they are live, or on request until they are over. An attempt that fails is followed by
 * another one, with growing pauses, for as long as the stream lives. Pure, but for its ports.
 */
export class StreamPushes {
  readonly #ports: PushPorts;
  readonly #most: number;
  readonly #streams = new Map<string, Map<string, Push>>();
  readonly #attempts = new Map<number, Push>();
  #lastAttempt = 0;
  #count = 0;
  /** Since the start. */
  failures = 0;

  /** `most`: pushes at a time. */
  constructor(ports: PushPorts, most: number) {
    this.#ports = ports;
    this.#most = most;
  }

  /** How many there are, by state. */
  get counts(): Readonly<Record<PushState, number>> {
    const counts = { waiting: 0, connecting: 0, live: 0 };
    for (const pushes of this.#streams.values()) for (const { state } of pushes.values()) counts[state]++;
    return counts;
  }

  list(stream: string): ShownPush[] {
    return [...(this.#streams.get(stream)?.values() ?? [])].map(shown);
  }

  /** True while something pushes the stream. */
  pushes(stream: string): boolean {
    return (this.#streams.get(stream)?.size ?? 0) > 0;
  }

  /** True while the attempt is wanted, and hasn't ended. */
  wants(attempt: number): boolean {
    return this.#attempts.has(attempt);
  }

  /** Pushes a live stream until it is over. */
  add(stream: string, target: PushTarget): ShownPush | "not live" | "full" {
    if (!this.#ports.live(stream)) return "not live";
    this.#byRule(stream);
    const push = this.#add(stream, target, "request");
    return push === undefined ? "full" : shown(push);
  }

  /** Ends a push. False where there is none of that id; one by rule comes back when the stream begins anew. */
  remove(stream: string, id: string): boolean {
    const push = this.#streams.get(stream)?.get(id);
    if (push === undefined) return false;
    this.#end(push, "removed");
    return true;
  }

  /** The stream has begun, has lost its publisher for a while, or has another one. */
  changed(stream: string): void {
    if (!this.#ports.live(stream)) return;
    this.#byRule(stream);
    for (const push of this.#streams.get(stream)?.values() ?? [])
      if (push.attempt === 0 && push.cancel === undefined) this.#begin(push);
  }

  /** The stream is over. */
  over(stream: string): void {
    for (const push of [...(this.#streams.get(stream)?.values() ?? [])]) this.#end(push, "over");
    this.#streams.delete(stream);
  }

  /** An attempt has come through, or has ended. */
  heard(attempt: number, state: "live" | "over", reason = ""): void {
    const push = this.#attempts.get(attempt);
    if (push === undefined) return;
    const now = this.#ports.now();
    if (state === "live") {
      push.failure = undefined;
      this.#enter(push, "live");
      this.#ports.tell({ type: "started", push: shown(push) });
      return;
    }
    const held = push.state === "live" ? now - push.since : 0;
    const wasLive = push.state === "live";
    if (held >= calmAfter) push.failures = 0;
    this.failures++;
    push.failure = reason;
    const pause = Math.min(longestPause, firstPause * 2 ** push.failures);
    push.failures++;
    this.#attempts.delete(attempt);
    push.attempt = 0;
    this.#enter(push, "waiting");
    push.cancel = this.#ports.after(pause, () => {
      push.cancel = undefined;
      if (this.#ports.live(push.stream)) this.#begin(push);
    });
    // Once for each outage.
    if (wasLive || push.failures === 1) this.#ports.tell({ type: "failed", push: shown(push), reason });
  }

  stop(): void {
    for (const stream of [...this.#streams.keys()]) this.over(stream);
  }

  /** Adds what the settings say, when the stream begins. */
  #byRule(stream: string): void {
    if (this.#streams.has(stream)) return;
    for (const target of this.#ports.targets(stream)) this.#add(stream, target, "rule");
  }

  #add(stream: string, target: PushTarget, by: Push["by"]): Push | undefined {
    if (this.#count >= this.#most) return undefined;
    const push: Push = {
      ...{ id: this.#ports.random(idBytes), stream, target, by, state: "waiting", since: this.#ports.now() },
      ...{ failures: 0, failure: undefined, attempt: 0, cancel: undefined },
    };
    const pushes = this.#streams.get(stream) ?? new Map<string, Push>();
    pushes.set(push.id, push);
    this.#streams.set(stream, pushes);
    this.#count++;
    this.#begin(push);
    return push;
  }

  #begin(push: Push): void {
    push.attempt = ++this.#lastAttempt;
    this.#attempts.set(push.attempt, push);
    this.#enter(push, "connecting");
    this.#ports.begin(push.attempt, push.stream, push.target);
  }

  #end(push: Push, reason: "over" | "removed"): void {
    const pushes = this.#streams.get(push.stream);
    if (pushes?.delete(push.id) !== true) return;
    this.#count--;
    push.cancel?.();
    if (push.attempt !== 0) {
      this.#attempts.delete(push.attempt);
      this.#ports.end(push.attempt);
    }
    this.#ports.tell({ type: "ended", push: shown(push), reason });
  }

  #enter(push: Push, state: PushState): void {
    push.state = state;
    push.since = this.#ports.now();
  }
}

function shown({ id, stream, target, by, state, since, failures, failure }: Push): ShownPush {
  const to = shownTarget(target);
  return {
    ...{ id, stream, kind: target.kind, to, by, state, since, failures },
    ...(failure !== undefined && { failure }),
  };
}
