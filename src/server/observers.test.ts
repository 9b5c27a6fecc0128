import { expect, test } from "bun:test";
import { signIn } from "../../test/support/sign-in.ts";
import { createLog } from "../telemetry/log.ts";
import { createSwitchboard } from "./listen.ts";
import type { ObservedEvent } from "./observers.ts";

const quiet = {
  ...{ dev: true, page: false, host: "127.0.0.1", port: 0, drain: 100 },
  ...{
    turn: { embedded: false },
    sip: { enabled: false },
    peerjs: { enabled: false },
    media: { enabled: false },
  },
};
const log = createLog({ level: "silent", format: "json" });

test("observers hear the events of a call in order, and one that throws harms nobody", async () => {
  const heard: ObservedEvent[] = [];
  let tell = (): void => {};
  const ended = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const switchboard = await createSwitchboard(
    {
      ...quiet,
      observers: [
        () => {
          throw new Error("an observer's own fault");
        },
        async () => Promise.reject(new Error("another one")),
        (event) => {
          heard.push(event);
          if (event.type === "session.ended") tell();
        },
      ],
    },
    log,
  );
  const [alice, bob] = [await signIn(switchboard, "dev:alice"), await signIn(switchboard, "dev:bob")];
  const { session } = await alice.ok("call", { to: "bob" });
  await bob.push("incoming");
  await bob.ok("decline", { session });
  await ended;
  const types = heard.map(({ type }) => type).filter((type) => !type.endsWith(".online"));
  expect(types).toEqual(["node.up", "session.started", "session.ended"]);
  const last = heard.at(-1);
  expect(last?.type === "session.ended" && last.data).toMatchObject({
    ...{ session, caller: { user: "alice" }, callee: { user: "bob" }, reason: "declined" },
  });
  expect(Date.parse(last?.timestamp ?? "")).toBeGreaterThan(0);
  await switchboard.stop();
});

test("what is no list of functions is refused", async () => {
  const wrong = createSwitchboard({ ...quiet, observers: ["x"] as never }, log);
  await expect(wrong).rejects.toThrow("option observers: must be a list of functions");
});
