import { Type } from "typebox";
import type { FollowedUsers } from "../records/followed-users.ts";
import type { Survey } from "../signaling/survey.ts";
import { polledStream } from "./polled-stream.ts";

const Place = Type.Object({ run: Type.String({ maxLength: 64 }), upTo: Type.Integer({ minimum: 0 }) });

/** What every node is asked: the frames of a user after a place. A node without a place in it begins now. */
const framesQuestion = {
  name: "frames",
  argument: Type.Object({
    user: Type.String({ maxLength: 1_024 }),
    places: Type.Record(Type.String(), Place),
  }),
  answer: Type.Object({
    run: Type.String(),
    upTo: Type.Integer({ minimum: 0 }),
    gap: Type.Boolean(),
    frames: Type.Array(
      Type.Object(
        { at: Type.Number(), device: Type.String(), type: Type.String() },
        { additionalProperties: true },
      ),
    ),
  }),
} as const;

/** Answers {@link framesQuestion} for this node. */
export function answerFrames(survey: Survey, node: string, followed: FollowedUsers, now: () => number): void {
  survey.answers(framesQuestion, ({ user, places }) => {
    const place = Object.hasOwn(places, node) ? places[node] : undefined;
    const page = followed.read(user, place?.run, place?.upTo ?? 0, now());
    if (page === undefined) throw new Error("too many users are followed at this node");
    return { ...page, frames: page.frames.map(({ n: _, ...frame }) => frame) };
  });
}

export interface FrameStreamOptions {
  readonly survey: Survey;
  readonly user: string;
  now(): number;
  /** The client goes away. */
  readonly signal: AbortSignal;
  ended(): void;
}

/** The frames of a user as server-sent events, from whichever nodes the user's devices are at. */
export function frameStream({
  survey,
  user,
  now,
  signal,
  ended,
}: FrameStreamOptions): ReadableStream<Uint8Array> {
  const places = new Map<string, { run: string; upTo: number }>();
  let silentBefore = "";
  const read = async (): Promise<string> => {
    const { answers, silent } = await survey.ask(framesQuestion, {
      user,
      places: Object.fromEntries(places),
    });
    const found: { readonly node: string; readonly at: number }[] = [];
    let text = "";
    for (const [node, { run, upTo, gap, frames }] of answers) {
      if (gap) text += `event: gap\ndata: ${JSON.stringify({ node })}\n\n`;
      for (const frame of frames) found.push({ node, ...frame });
      places.set(node, { run, upTo });
    }
    // Nodes that are silent are told of once, and once more when they are back.
    const partial = silent.join();
    if (partial !== silentBefore) text += `event: partial\ndata: ${JSON.stringify(silent)}\n\n`;
    silentBefore = partial;
    for (const frame of found.sort((one, other) => one.at - other.at))
      text += `event: frame\ndata: ${JSON.stringify(frame)}\n\n`;
    return text;
  };
  return polledStream({ read, idle: () => ": nothing new\n\n", now, signal, ended });
}
