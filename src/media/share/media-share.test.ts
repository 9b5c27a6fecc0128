import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../../../test/support/until.ts";
import type { FromWorker, ToWorker } from "../control.ts";
import { MediaStreams } from "../streams/media-streams.ts";
import type { StreamObserver } from "../streams/ports.ts";
import { streamOffers } from "../streams/stream-offers.ts";
import { MediaShare } from "./media-share.ts";
import { SharedStreams } from "./shared-streams.ts";

const publishSdp = readFileSync(
  new URL("../../../test/support/media-offers/chromium-publish.sdp", import.meta.url),
  "utf8",
);
const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0).reverse()) close();
});

test("the stream of a publisher whose client closes is over, also where the end of its connection crosses that on the way", async () => {
  const posted: ToWorker[] = [];
  const observer: StreamObserver = {
    changed: (info) => share.changed(info),
    ended: (peer, reason) => share.ended(peer, reason),
  };
  const streams: MediaStreams = new MediaStreams(
    {
      now: () => 0,
      draining: () => false,
      workers: 1,
      worker: () => ({
        ...{ fingerprint: "sha-256 AA:BB", udpPort: 5000, tcpPort: 5001, relay: "" },
        report: { publishers: 0, viewers: 0, packetsPerSecond: 0, lag: 0, counters: {} },
      }),
      post: (_, message) => {
        posted.push(message);
        if (message.type === "publish") queueMicrotask(() => say({ type: "opened", peer: message.peer }));
      },
      random: (bytes) => "x".repeat(bytes),
      // Nothing becomes due: whoever waits for a publisher waits for ever.
      after: () => () => {},
    },
    {
      linger: 10_000,
      shares: { peersPerUser: 10, peersPerAddress: 10 },
      takesOver: () => false,
      candidates: () => [],
    },
    observer,
  );
  const say = (message: FromWorker): void => streams.heard(0, message);
  const share: MediaShare = new MediaShare({ streams, fetch: () => undefined });
  const folder = mkdtempSync(join(tmpdir(), "switchboard-share-"));
  open.push(() => rmSync(folder, { recursive: true, force: true }));
  await share.listen(join(folder, "media"));
  open.push(() => share.stop());
  const guest = new SharedStreams({
    path: join(folder, "media"),
    takesOver: () => false,
    observer: { changed: () => {}, opened: () => {}, ended: () => {} },
  });
  open.push(() => guest.stop());
  await until(() => guest.reachable, 10_000);

  const offer = streamOffers({ ssrc: () => 1 }).publisher(publishSdp, "lobby");
  if (!offer.ok) throw new Error(offer.error);
  const { transport, tracks } = offer.value;
  const identity = { user: "alice", grants: {}, expires: Number.POSITIVE_INFINITY };
  const opened = await guest.publish({ stream: "lobby", identity, transport, tracks });
  if (!opened.ok) throw new Error(opened.error.kind);
  const peer = posted.find(({ type }) => type === "publish");
  if (peer?.type !== "publish") throw new Error("nothing was published");
  say({ type: "connected", peer: peer.peer });
  expect(streams.stream("lobby")?.live).toBe(true);

  // Neither process has read yet what the other one says.
  say({ type: "closed", peer: peer.peer, reason: "closed by the peer" });
  expect(guest.close(opened.value.id).ok).toBe(true);
  expect(streams.stream("lobby")).toBeDefined();
  await until(() => streams.stream("lobby") === undefined, 10_000);
});
