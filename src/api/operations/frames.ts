import { Type } from "typebox";
import type { ApiContext } from "../context.ts";
import { frameStream } from "../frame-stream.ts";
import { type Operation, operation } from "../operation.ts";
import { UserId } from "./schemas.ts";

/** Streams that a node serves at a time. */
const mostStreams = 32;

/** What the devices of one user and the server say to each other, while somebody looks. */
export function frameOperations({ survey, wall }: ApiContext): Operation[] {
  let streams = 0;
  return [
    operation({
      ...{ id: "streamFrames", method: "GET", path: "/users/{user}/frames", tag: "Devices" },
      ...{ scope: "events:read", refuses: [503], params: Type.Object({ user: UserId }) },
      summary: "What a user's devices and the server say to each other from now on, as server-sent events",
      description:
        "Events `frame` with `{node, at, device, isIncoming, type, id, session, room, outcome, bytes, candidates, description, note}`: a request, its `reply`, a push, a message of a gateway in its own words, or what happened to a device's `link`. `isIncoming`: the device sent it. No token, secret, address or description is in it. An event `gap` with `{node}` says that frames of that node are gone; `partial` names the nodes that don't answer.",
      answers: { 200: { description: "The frames.", stream: true } },
      perform: ({ params: { user }, signal }) => {
        if (streams >= mostStreams)
          return {
            ...{ status: 503, code: "temporary", headers: { "Retry-After": "10" } },
            detail: `This node serves ${mostStreams} streams of frames already.`,
          };
        streams += 1;
        const ended = (): void => {
          streams -= 1;
        };
        return { status: 200, stream: frameStream({ survey, user, now: wall, signal, ended }) };
      },
    }),
  ];
}
