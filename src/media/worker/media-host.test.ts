import { afterEach, expect, test } from "bun:test";
import { TestPeer } from "../../../test/media/support/test-peer.ts";
import type { FromWorker, ToWorker } from "../control.ts";
import { MediaHost } from "./media-host.ts";

let host: MediaHost | undefined;
afterEach(() => host?.stop());

/** A worker for one viewer, in this process. Each call answers what the worker says of the peer first. */
async function startHost() {
  const heard = new Map<number, (message: FromWorker) => void>();
  const limits = { publishers: 1, viewers: 1, packetsPerSecond: 1e6, publisherBitrate: 1e6 };
  const started = await MediaHost.start(
    { listen: ["127.0.0.1"], port: 0, portable: true, relay: "", limits },
    (message) => "peer" in message && heard.get(message.peer)?.(message),
  );
  host = started;
  const said = (peer: number, message: ToWorker): Promise<string> =>
    new Promise((done) => {
      heard.set(peer, ({ type }) => done(type));
      started.obey(message);
    });
  return {
    view: (peer: number, push = false): Promise<string> => {
      const transport = new TestPeer(peer, "server", () => {}).parameters();
      const candidates = [{ address: "127.0.0.1", port: 9 }];
      const message = { type: "view", peer, stream: "show", transport, tracks: [] } as const;
      return said(Math.abs(peer) * (push ? -1 : 1), push ? { ...message, peer: -peer, candidates } : message);
    },
    close: (peer: number): Promise<string> => said(peer, { type: "close", peer }),
  };
}

test("a push to another server takes no place of a viewer's", async () => {
  const { view, close } = await startHost();
  expect(await view(1)).toBe("opened");
  expect(await view(2)).toBe("refused");
  expect(await view(3, true)).toBe("opened");
  expect(await view(4, true)).toBe("opened");
  expect(await close(-3)).toBe("closed");
  expect(await view(5)).toBe("refused");
  expect(await close(1)).toBe("closed");
  expect(await view(6)).toBe("opened");
  expect(await view(7)).toBe("refused");
});
