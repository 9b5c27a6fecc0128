import { createServer, connect as dial, type Socket } from "node:net";

export interface TestProxy {
  /** Where clients connect to. */
  readonly url: string;
  /** Connections that are open now. */
  readonly open: number;
  /** Cuts every connection, as a network does. */
  cut(): void;
  /** Swallows what clients send from now on, on the connections that are open. */
  swallow(): void;
  /** Lets nothing through until it is called with false. */
  block(on: boolean): void;
  stop(): Promise<void>;
}

/** A network between client and server that can be cut, or (`noUpgrades`) one that knows no WebSocket. */
export async function startProxy(target: string, { noUpgrades = false } = {}): Promise<TestProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Map<Socket, Socket>();
  let blocked = false;
  const server = createServer((near) => {
    if (blocked) {
      near.destroy();
      return;
    }
    const far = dial(Number(port), hostname);
    pairs.set(near, far);
    near.once("close", () => {
      pairs.delete(near);
      far.destroy();
    });
    far.once("close", () => near.destroy());
    for (const socket of [near, far]) socket.on("error", () => {});
    near.once("data", (first: Buffer) => {
      if (noUpgrades && /^upgrade: *websocket/im.test(first.toString("latin1"))) {
        near.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        return;
      }
      far.write(first);
      near.pipe(far);
      far.pipe(near);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const own = typeof address === "object" && address ? address.port : 0;
  const cut = () => {
    for (const [near, far] of pairs) {
      near.destroy();
      far.destroy();
    }
  };
  return {
    url: `http://127.0.0.1:${own}`,
    get open() {
      return pairs.size;
    },
    cut,
    swallow: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        near.resume();
      }
    },
    block: (on) => {
      blocked = on;
      if (on) cut();
    },
    stop: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
