import { Type } from "typebox";
import { PushSubscription } from "../../protocol/values.ts";
import { type ApiContext, wireProblem } from "../context.ts";
import { answer, notFound, type Operation, operation } from "../operation.ts";
import { page, pageOf } from "../pages.ts";
import { closed, DeviceId, Time, UserId } from "./schemas.ts";

const Registered = Type.Object({
  user: UserId,
  device: DeviceId,
  kind: Type.Enum(["webPush", "application"]),
  at: Time("When it was registered or renewed."),
});

const off = {
  status: 409,
  code: "no_push",
  detail: "This server wakes no devices: push.enabled is off.",
} as const;
const device = Type.Object({ user: UserId, device: DeviceId });

/** How devices are woken that are called while they are not connected. */
export function pushOperations({ push }: ApiContext): Operation[] {
  return [
    operation({
      ...{ id: "listPushRegistrations", method: "GET", path: "/users/{user}/push", tag: "Push" },
      ...{ scope: "devices:read", summary: "The devices of a user that can be woken", refuses: [409] },
      params: Type.Object({ user: UserId }),
      answers: { 200: { description: "All of them.", schema: pageOf(Registered) } },
      over: {
        kind: "list",
        keyOf: ({ device }: { device: string }) => device,
        merge: (one: { at: number }, other: { at: number }) => (one.at >= other.at ? one : other) as never,
      },
      perform: ({ params: { user } }) => {
        const found = push();
        if (found === undefined) return off;
        return answer(page(found.list(user), (one) => one.device, { limit: 1_000 }) ?? { items: [] });
      },
    }),
    operation({
      ...{ id: "putPushRegistration", method: "PUT", path: "/devices/{user}/{device}/push", tag: "Push" },
      ...{ scope: "devices:write", summary: "Registers how a device is woken", refuses: [409, 503] },
      description:
        "By a Web Push subscription, or by your own push: then you hear the event `wake.needed` with what you give here as `application`. It replaces what the device has registered. The ticket of a device that was registered here permits it to answer, and nothing that needs a grant.",
      params: device,
      body: Type.Object(
        {
          webPush: Type.Optional(PushSubscription),
          application: Type.Optional(Type.Unknown({ description: "2 KB of JSON at most." })),
        },
        { ...closed, minProperties: 1, maxProperties: 1 },
      ),
      answers: { 204: { description: "Done." } },
      perform: ({ params: { user, device }, body }) => {
        const outcome = push()?.put(user, device, body);
        if (outcome === undefined) return off;
        return "error" in outcome ? wireProblem(outcome.error) : { status: 204 };
      },
    }),
    operation({
      ...{
        id: "deletePushRegistration",
        method: "DELETE",
        path: "/devices/{user}/{device}/push",
        tag: "Push",
      },
      ...{ scope: "devices:write", summary: "The device is not woken any more", refuses: [404, 409] },
      params: device,
      answers: { 204: { description: "Done." } },
      over: { kind: "owner" },
      perform: ({ params: { user, device } }) => {
        const found = push();
        if (found === undefined) return off;
        return found.remove(user, device) ? { status: 204 } : notFound("registration");
      },
    }),
  ];
}
