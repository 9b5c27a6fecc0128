import { Type } from "typebox";
import type { DeviceView } from "../../signaling/administration.ts";
import type { ApiContext } from "../context.ts";
import { answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, page, pageOf, pageQuery } from "../pages.ts";
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

const Kicked = Type.Object({ links: Type.Integer({ description: "Links of this node that were ended." }) });

/** Users, their devices, and how they are sent away. */
export function deviceOperations({ administration, kick, deviceSecret }: ApiContext): Operation[] {
  return [
    operation({
      ...{ id: "listUsers", method: "GET", path: "/users", tag: "Users", scope: "devices:read" },
      summary: "Users who are signed in",
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: "A page of users.", schema: pageOf(User) } },
      perform: ({ query }) => {
        const users = new Map<string, DeviceView[]>();
        for (const device of administration.devices()) {
          const devices = users.get(device.user);
          if (devices === undefined) users.set(device.user, [device]);
          else devices.push(device);
        }
        const found = page(users, ([user]) => user, query);
        if (found === undefined) return badCursor;
        return answer({ ...found, items: found.items.map(([user, devices]) => userOf(user, devices)) });
      },
    }),
    operation({
      ...{ id: "getUser", method: "GET", path: "/users/{user}", tag: "Users", scope: "devices:read" },
      summary: "A user, with the devices that are signed in",
      description: "A user without devices is `online: false`: Switchboard keeps no list of users.",
      params: Type.Object({ user: UserId }),
      answers: { 200: { description: "The user.", schema: User } },
      perform: ({ params: { user } }) => answer(userOf(user, [...administration.devices(user)])),
    }),
    operation({
      ...{ id: "kickUser", method: "POST", path: "/users/{user}/kick", tag: "Users", scope: "devices:write" },
      summary: "Signs a user out everywhere",
      description:
        "Ends the user's links and relays at all nodes, and refuses tokens that were issued before now.",
      params: Type.Object({ user: UserId }),
      answers: { 200: { description: "Done.", schema: Kicked } },
      perform: ({ params: { user } }) => answer({ links: kick(user, undefined) }),
    }),
    operation({
      ...{ id: "listDevices", method: "GET", path: "/devices", tag: "Devices", scope: "devices:read" },
      summary: "Devices that are signed in",
      query: Type.Object({ ...pageQuery, user: Type.Optional(UserId) }, closed),
      answers: { 200: { description: "A page of devices.", schema: pageOf(Device) } },
      perform: ({ query }) => {
        const devices = administration.devices(query.user);
        const found = page(devices, ({ user, device }) => `${user}/${device}`, query);
        return found === undefined ? badCursor : answer(found);
      },
    }),
    operation({
      ...{ id: "getDevice", method: "GET", path: "/devices/{user}/{device}", tag: "Devices" },
      ...{ scope: "devices:read", summary: "A device that is signed in", refuses: [404] },
      params: Type.Object({ user: UserId, device: DeviceId }),
      answers: { 200: { description: "The device.", schema: Device } },
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

function userOf(user: string, devices: readonly { readonly online: boolean }[]): object {
  return { user, online: devices.some(({ online }) => online), devices };
}
