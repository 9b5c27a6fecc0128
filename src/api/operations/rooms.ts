import { type Static, Type } from "typebox";
import { RoomPolicy } from "../../protocol/values.ts";
import type { RoomAct } from "../../signaling/administration.ts";
import { type ApiContext, wireProblem } from "../context.ts";
import { type Answer, answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, page, pageOf, pageQuery } from "../pages.ts";
import { closed, DeviceId, Node, RoomName, UserId } from "./schemas.ts";

const Policy = Type.Object({
  lobby: Type.Optional(Type.Boolean({ description: "Newcomers wait until somebody admits them." })),
  size: Type.Optional(Type.Integer({ description: "Most members." })),
  opens: Type.Optional(Type.Number({ description: "Unix ms." })),
  closes: Type.Optional(Type.Number({ description: "Unix ms." })),
});

const Room = Type.Object({
  room: Type.String({ description: "`room:NAME`." }),
  node: Node,
  policy: Policy,
  members: Type.Array(
    Type.Object({
      member: Type.String({ description: "Its id in the room." }),
      user: UserId,
      device: DeviceId,
      state: Type.Enum(["joined", "lobby"]),
      moderator: Type.Boolean(),
    }),
  ),
});

const roomKey = ({ room }: { readonly room: string }): string => room;
const oneRoom = Type.Object({ room: RoomName });
const oneMember = Type.Object({
  room: RoomName,
  member: Type.String({ minLength: 1, maxLength: 64, description: "A member's id in the room." }),
});

/** Rooms that somebody is in. */
export function roomOperations({ administration, node, now, rooms }: ApiContext): Operation[] {
  const act = (name: string, what: RoomAct, member: string): Answer | ReturnType<typeof notFound> => {
    const done = administration.moderate(`room:${name}`, what, member, now());
    if (done === undefined) return notFound("room");
    return done.error === undefined ? { status: 204 } : wireProblem(done.error);
  };
  /** A room that was opened, and that nobody is in. */
  const empty = (name: string): Static<typeof Room> | undefined => {
    const policy = rooms.policyOf(`room:${name}`);
    return policy && { room: `room:${name}`, node, policy, members: [] };
  };
  return [
    operation({
      ...{ id: "listRooms", method: "GET", path: "/rooms", tag: "Rooms", scope: "rooms:read" },
      summary: "Rooms that somebody is in",
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: "A page of rooms.", schema: pageOf(Room) } },
      over: { kind: "list", keyOf: roomKey },
      perform: ({ query }) => {
        const found = page(administration.rooms(), roomKey, query);
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{ id: "getRoom", method: "GET", path: "/rooms/{room}", tag: "Rooms", scope: "rooms:read" },
      ...{ summary: "A room, with its members and its lobby", refuses: [404, 503], params: oneRoom },
      description:
        "One that `openRoom` has opened and nobody is in has no members; `node` is then the node that was asked.",
      answers: { 200: { description: "The room.", schema: Room } },
      over: {
        kind: "owner",
        otherwise: ({ params }) => {
          const found = empty(params.room);
          return found && answer(found);
        },
      },
      perform: ({ params }) => {
        const found = administration.room(`room:${params.room}`);
        return found === undefined ? notFound("room") : answer(found);
      },
    }),
    operation({
      ...{ id: "openRoom", method: "PUT", path: "/rooms/{room}", tag: "Rooms", scope: "rooms:write" },
      ...{ summary: "Opens a room: its window, its size and its lobby", refuses: [503], params: oneRoom },
      description:
        "The rules take the place of those that were set before, at all nodes, whether or not somebody is in; nodes that don't answer now hear of them within a minute. Before `opens` and from `closes` on nobody joins; at `closes` the room ends for those who are in. Rules without an end are kept for 30 days. A room needs no opening: without one the setting `rooms` rules it.",
      body: Type.Object(RoomPolicy.properties, closed),
      answers: {
        200: { description: "It is open.", schema: Type.Object({ room: Type.String(), policy: Policy }) },
      },
      perform: async ({ params, body }) => {
        const { opens, closes } = body;
        if (opens !== undefined && closes !== undefined && closes <= opens)
          return {
            status: 400,
            code: "bad_request",
            detail: "closes: must be after opens.",
            more: { field: "closes" },
          };
        const room = `room:${params.room}`;
        return (await rooms.open(room, body))
          ? answer({ room, policy: body })
          : { status: 503, code: "temporary", detail: "Too many rooms are open that nobody has used." };
      },
    }),
    operation({
      ...{ id: "closeRoom", method: "POST", path: "/rooms/{room}/close", tag: "Rooms", scope: "rooms:write" },
      ...{ summary: "Sends everybody out", refuses: [404, 503], params: oneRoom },
      description: "Rules that `openRoom` has set stay: set `closes` there to keep people out.",
      answers: { 204: { description: "Nobody is in the room." } },
      over: {
        kind: "owner",
        otherwise: ({ params }) => (empty(params.room) ? { status: 204 } : undefined),
      },
      perform: ({ params }) => act(params.room, "close", ""),
    }),
    operation({
      ...{ id: "admitMember", method: "POST", path: "/rooms/{room}/members/{member}/admit", tag: "Rooms" },
      ...{ scope: "rooms:write", summary: "Lets somebody in who waits in the lobby", refuses: [404, 503] },
      params: oneMember,
      answers: { 204: { description: "The member is in." } },
      over: { kind: "owner" },
      perform: ({ params }) => act(params.room, "admit", params.member),
    }),
    operation({
      ...{ id: "removeMember", method: "POST", path: "/rooms/{room}/members/{member}/remove", tag: "Rooms" },
      ...{ scope: "rooms:write", summary: "Turns somebody away who waits or is in", refuses: [404, 503] },
      description: "The user can't join again for a minute.",
      params: oneMember,
      answers: { 204: { description: "The member is out." } },
      over: { kind: "owner" },
      perform: ({ params }) => act(params.room, "refuse", params.member),
    }),
  ];
}
