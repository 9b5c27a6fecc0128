import type { MediaFleet } from "../media/fleet/fleet.ts";
import type { PushEvent } from "../media/push/stream-pushes.ts";
import { StreamPushes } from "../media/push/stream-pushes.ts";
import { type PushTarget, parsePushTarget } from "../media/push/target.ts";
import { WhipPushes } from "../media/push/whip-pushes.ts";
import type { MediaStreams } from "../media/streams/media-streams.ts";
import type { StreamOutputs } from "../media/streams/stream-outputs.ts";
import { after } from "../net/clock.ts";
import { random } from "../net/crypto.ts";
import { covers } from "../protocol/address-pattern.ts";
import { outboundResolver } from "./outbound.ts";
import type { CoreContext } from "./service.ts";
import { whipClient } from "./whip-client.ts";

export interface MediaPushes {
  readonly pushes: StreamPushes;
  /** Those of them that go to WHIP endpoints. */
  readonly whip: WhipPushes;
}

/** Pushes streams to the targets of `media.push`, and to those that the API names. */
export function startPushes(
  context: CoreContext,
  streams: MediaStreams,
  fleet: Pick<MediaFleet, "post">,
  outputs: Pick<StreamOutputs, "push" | "endPush">,
): MediaPushes {
  const { settings, log, now } = context;
  const { media, dev } = settings;
  const outbound = outboundResolver(media.pushAllow, dev);
  const whip = new WhipPushes({
    ...whipClient(outbound),
    place: (name) => streams.sources.place(name),
    post: (worker, message) => fleet.post(worker, message),
    allows: outbound.allows,
    random,
    ssrc: () => Buffer.from(random(4), "base64url").readUInt32BE() || 1,
    tell: (attempt, state, reason) => pushes.heard(attempt, state, reason),
  });
  const rules = media.push.flatMap(({ stream, to, token }) => {
    const target = parsePushTarget(to, token);
    return target === undefined ? [] : [{ pattern: `stream:${stream}`, target }];
  });
  const begin = async (attempt: number, name: string, target: PushTarget): Promise<void> => {
    if (target.kind === "whip") {
      await whip.begin(attempt, name, target.whip);
      return;
    }
    const { rtmp } = target;
    const address = await outbound.resolve(rtmp.host);
    if (!pushes.wants(attempt)) return;
    if (!outputs.push(name, attempt, address, rtmp)) throw new Error("the stream has no publisher");
  };
  const pushes: StreamPushes = new StreamPushes(
    {
      now,
      after,
      random,
      live: (name) => streams.sources.of(name) !== undefined,
      targets: (name) =>
        rules
          .filter(({ pattern }) => covers([pattern], { kind: "stream", name }))
          .map(({ target }) => target),
      begin: (attempt, name, target) =>
        void begin(attempt, name, target).catch(({ message }: Error) =>
          pushes.heard(attempt, "over", message),
        ),
      end: (attempt) => {
        outputs.endPush(attempt);
        whip.end(attempt);
      },
      tell: (event) => {
        log.info(logged(event), `push ${event.type}`);
        tellApplication(context, event);
      },
    },
    media.limits.pushes,
  );
  return { pushes, whip };
}

function logged({ push: { id, stream, to }, reason }: PushEvent): object {
  return { push: id, stream, to, ...(reason !== undefined && { reason }) };
}

function tellApplication(context: CoreContext, { type, push, reason = "" }: PushEvent): void {
  const { id, stream, kind, to } = push;
  const data = { stream, push: id, kind, to };
  const events = context.events();
  if (type === "started") events?.push("push.started", data);
  else if (type === "failed") events?.push("push.failed", { ...data, reason });
  else events?.push("push.ended", { ...data, reason: reason === "removed" ? "removed" : "over" });
}
