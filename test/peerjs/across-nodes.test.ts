import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Browser } from "playwright-core";
import { chromiumPath, sharedBrowser } from "../browser/support/browser.ts";
import { converse } from "../interop/end.ts";
import { openEnd } from "../interop/page-ends.ts";
import { hasNats, NatsServer } from "../support/nats-server.ts";
import { type RunningServer, startServer } from "../support/server.ts";

setDefaultTimeout(120_000);

describe.skipIf(!hasNats)("guests of PeerJS at two nodes", () => {
  let nats: NatsServer;
  let nodes: RunningServer[];
  beforeAll(async () => {
    nats = await NatsServer.start();
    const node = (name: string) =>
      startServer({
        config: {
          ...{ dev: false, node: name, nats: { url: [nats.url] }, page: false },
          ticketKey: "a ticket key that all nodes of the test have",
          tokens: { secret: "a secret of tokens with 32 characters" },
          peerjs: { keys: ["peerjs", "guests"], guestKeys: ["guests"] },
        },
      });
    nodes = await Promise.all(["n1", "n2"].map(node));
  }, 120_000);
  afterAll(async () => {
    for (const node of nodes ?? []) await node.stop();
    await nats?.stop();
  });

  /** The first message that a client of PeerJS with this token hears. */
  function first(at: number, id: string, token: string): Promise<{ word: string; socket: WebSocket }> {
    const query = `key=guests&id=${id}&token=${token}&version=1.5.5`;
    const socket = new WebSocket(`ws://127.0.0.1:${nodes[at]?.port}/peerjs/peerjs?${query}`);
    return new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve({ word: JSON.parse(String(data)).type, socket });
      socket.onerror = () => reject(new Error("the socket failed"));
    });
  }

  /** Resolves once the second node reaches clients of the first: a node that has just started knows no other. */
  async function joined(): Promise<void> {
    const [hears, asks] = [await first(0, "guest-hears", "x"), await first(1, "guest-asks", "x")];
    let heard = false;
    hears.socket.onmessage = ({ data }) => {
      heard ||= JSON.parse(String(data)).type === "OFFER";
    };
    const sdp = { type: "offer", sdp: "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" };
    for (let n = 0; !heard; n++) {
      const payload = { type: "media", connectionId: `mc_${n}`, sdp };
      asks.socket.send(JSON.stringify({ type: "OFFER", dst: "guest-hears", payload }));
      await new Promise((resolve) => setTimeout(resolve, 100));
      asks.socket.send(JSON.stringify({ type: "LEAVE", dst: "guest-hears" }));
    }
    for (const { socket } of [hears, asks]) socket.close();
  }

  test("an id belongs to its first token at every node", async () => {
    await joined();
    const one = await first(0, "guest-1", "mine");
    expect(one.word).toBe("OPEN");
    expect((await first(1, "guest-1", "another")).word).toBe("ID-TAKEN");
    expect((await first(0, "guest-1", "another")).word).toBe("ID-TAKEN");
    const again = await first(1, "guest-1", "mine");
    expect(again.word).toBe("OPEN");
    for (const { socket } of [one, again]) socket.close();
  });

  test.skipIf(chromiumPath === null)("two browsers call each other", async () => {
    const browser: Browser = await sharedBrowser("slow");
    const open = (at: number, user: string, color: "red" | "blue", tone: number) =>
      openEnd(browser, nodes[at]?.port ?? 0, {
        kind: "peerjs",
        user,
        color,
        tone,
        peerjs: { key: "guests" },
      });
    const [one, two] = [await open(0, "guest-a", "red", 1_200), await open(1, "guest-b", "blue", 700)];
    await converse(one, two);
    await converse(two, one);
    await browser.close();
  });
});
