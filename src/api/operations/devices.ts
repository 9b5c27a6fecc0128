import { Type } from "typebox";
import type { DeviceView } from "../../signaling/administration.ts";
import type { ApiContext } from "../context.ts";
import { answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, pageOf, pageQuery, pageWith } from "../pages.ts";
import { closed, DeviceId, Node, UserId } from "./schemas.ts";

const Device = Type.Object({
  user: UserId,
  device: DeviceId,
  kind: Type.String({ description: "What it calls itself, such as `browser` or `camera`." }),
  name: Type.Optional(Type.String()),
  status: Type.Optional(Type.String({ description: "What it has set as its status." })),
  online: Type.Boolean({ description: "False while it is silent, though it may still come back." }),
  protocol: Type.String({ description: "`native`, or the gateway by which it is signed in." }),
  node: Node,
  guest: Type.Boolean({ description: "Its token is a guest's." }),
  sessions: Type.Integer({ description: "Sessions in which it has part." }),
});

const User = Type.Object({
  user: UserId,
  online: Type.Boolean(),
  devices: Type.Array(Device),
});

const partial = Type.Optional(
  Type.Array(Type.String(), { description: "Nodes that did not answer within a second." }),
);
const userKey = ({ user }: { readonly user: string }): string => user;
const deviceKey = ({ user, device }: { readonly user: string; readonly device: string }): string =>
  `${user}/${device}`;

const Kicked = Type.Object({ links: Type.Integer({ description: "Links that were ended." }), partial });

/** Users, their devices, and how they are sent away. */
export function deviceOperations(context: ApiContext): Operation[] {
  const { administration, kick, tellKick, deviceSecret } = context;
  const viewOfUser = (user: string): UserView =>
    userOf(
      user,
      [...administration.devices(user)].map((device) => administration.deviceView(device)),
    );
  const kicks = {
    kind: "all",
    gather: (
      those: readonly { readonly links: number }[],
      silent: readonly string[],
      { params }: { readonly params: { readonly user: string; readonly device?: string } },
    ) => {
      // They may hear this, though their answer is late.
      if (silent.length > 0) tellKick(params.user, params.device);
      return { links: those.reduce((sum, { links }) => sum + links, 0) };
    },
  } as const;
  return [
    operation({
      ...{ id: "listUsers", method: "GET", path: "/users", tag: "Users", scope: "devices:read" },
      summary: "Users who are signed in",
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: "A page of users.", schema: pageOf(User) } },
      over: { kind: "list", keyOf: userKey, merge: bothOf as never },
      perform: ({ query }) => {
        const users = new Set<string>();
        for (const { user } of administration.devices()) users.add(user);
        const found = pageWith(users, (user) => user, query, viewOfUser);
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{ id: "getUser", method: "GET", path: "/users/{user}", tag: "Users", scope: "devices:read" },
      summary: "A user, with the devices that are signed in",
      description: "A user without devices is `online: false`: Switchboard keeps no list of users.",
      params: Type.Object({ user: UserId }),
      answers: {
        200: { description: "The user.", schema: Type.Object({ ...User.properties, partial }) },
      },
      over: { kind: "all", gather: (users: readonly UserView[]) => users.reduce(bothOf) },
      perform: ({ params: { user } }) => answer(viewOfUser(user)),
    }),
    operation({
      ...{ id: "kickUser", method: "POST", path: "/users/{user}/kick", tag: "Users", scope: "devices:write" },
      summary: "Signs a user out everywhere",
      description:
        "Ends the user's links and relays at all nodes, and refuses tokens that were issued before now.",
      params: Type.Object({ user: UserId }),
      answers: { 200: { description: "Done.", schema: Kicked } },
      over: kicks,
      perform: ({ params: { user } }) => answer({ links: kick(user, undefined) }),
    }),
    operation({
      ...{ id: "listDevices", method: "GET", path: "/devices", tag: "Devices", scope: "devices:read" },
      summary: "Devices that are signed in",
      query: Type.Object({ ...pageQuery, user: Type.Optional(UserId) }, closed),
      answers: { 200: { description: "A page of devices.", schema: pageOf(Device) } },
      over: { kind: "list", keyOf: deviceKey, merge: newer as never },
      perform: ({ query }) => {
        const devices = administration.devices(query.user);
        const keyOf = ({ user, id }: { readonly user: string; readonly id: string }) => `${user}/${id}`;
        const found = pageWith(devices, keyOf, query, (device) => administration.deviceView(device));
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{ id: "getDevice", method: "GET", path: "/devices/{user}/{device}", tag: "Devices" },
      ...{ scope: "devices:read", summary: "A device that is signed in", refuses: [404, 503] },
      params: Type.Object({ user: UserId, device: DeviceId }),
      answers: { 200: { description: "The device.", schema: Device } },
      over: { kind: "owner" },
      perform: ({ params: { user, device } }) => {
        const found = administration.device(user, device);
        return found === undefined ? notFound("device") : answer(found);
      },
    }),
    operation({
      ...{ id: "kickDevice", method: "POST", path: "/devices/{user}/{device}/kick", tag: "Devices" },
      ...{ scope: "devices:write", summary: "Signs one device out" },
      params: Type.Object({ user: UserId, device: DeviceId }),
      answers: { 200: { description: "Done.", schema: Kicked } },
      over: kicks,
      perform: ({ params: { user, device } }) => answer({ links: kick(user, device) }),
    }),
    operation({
      ...{ id: "getDeviceSecret", method: "POST", path: "/devices/{user}/{device}/secret", tag: "Devices" },
      ...{ scope: "tokens:write", secret: true, refuses: [409] },
      summary: "The secret of a device that carries no token",
      description:
        "A SIP phone, a camera or an MQTT device signs in with it. It is derived from `credentials.key`.",
      params: Type.Object({ user: UserId, device: DeviceId }),
      answers: {
        200: {
          description: "The secret.",
          schema: Type.Object({ login: Type.String(), secret: Type.String() }),
        },
      },
      perform: ({ params: { user, device } }) => {
        const login = `${user}/${device}`;
        const secret = deviceSecret(login);
        if (secret !== undefined) return answer({ login, secret });
        const detail = "The setting credentials.key is empty: there is nothing to derive secrets from.";
        return { status: 409, code: "not_configured", detail };
      },
    }),
  ];
}

interface UserView {
  readonly user: string;
  readonly online: boolean;
  readonly devices: readonly DeviceView[];
}

function userOf(user: string, devices: readonly DeviceView[]): UserView {
  return { user, online: devices.some(({ online }) => online), devices };
}

/** A device that is on its way from one node to another may be at both. */
function newer(one: DeviceView, other: DeviceView): DeviceView {
  return one.online ? one : other;
}

/** What two nodes know of a user. */
function bothOf(one: UserView, other: UserView): UserView {
  const devices = new Map<string, DeviceView>();
  for (const view of [...one.devices, ...other.devices]) {
    const known = devices.get(view.device);
    devices.set(view.device, known === undefined ? view : newer(known, view));
  }
  return userOf(one.user, [...devices.values()]);
}
