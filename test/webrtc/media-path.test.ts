import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";
import { camera, closeAll, device, frames, until } from "./support/parties.ts";
import { mediaPath } from "./support/path.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());
afterEach(closeAll);

test("the media's path dies: the call says so, restarts ICE by itself, and media goes on by a new path", async () => {
  const path = mediaPath();
  try {
    const alice = device(server.url, "alice", "laptop", { rtc: path.rtc });
    const bob = device(server.url, "bob", "phone", { rtc: path.rtc });
    await bob.ready;
    const ring = bob.next("incoming");
    const call = alice.call("bob", { media: await camera() });
    const theirs = await (await ring).accept({ media: await camera() });
    await Promise.all([frames(call.remote), frames(theirs.remote)]);
    expect(path.relays).toBeGreaterThan(0);
    const generations: unknown[] = [];
    alice.on("frame", ({ out, frame }) => {
      if (!out && frame.type === "restart") generations.push(frame.generation);
    });
    const remote = call.remote;
    path.cut();
    await until(
      () => call.state === "reconnecting" && theirs.state === "reconnecting",
      "both to see it",
      25_000,
    );
    const again = () => call.state === "connected" && theirs.state === "connected";
    // A restart that a busy machine misses is followed by another.
    await until(again, "the new path", 40_000);
    expect(generations.length).toBeGreaterThan(0);
    await Promise.all([frames(call.remote), frames(theirs.remote)]);
    expect(call.remote).toBe(remote);
  } finally {
    path.stop();
  }
}, 100_000);
