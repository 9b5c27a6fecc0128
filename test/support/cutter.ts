import { connect, createServer, type Socket } from "node:net";

/** A wire between a client and a server of this machine, for what networks do to connections. */
export interface Cutter {
  readonly port: number;
  readonly url: string;
  /** Connections break, and new ones are refused. */
  cut(): void;
  /** Nothing passes any more, and nobody is told: what is sent waits. New connections open, and hear nothing. */
  hang(): void;
  /** After either. What waited goes on where its connection is still there. */
  restore(): void;
  close(): Promise<void>;
}

export async function openCutter(target: number): Promise<Cutter> {
  const open = new Set<Socket>();
  let whole = true;
  let hanging = false;
  const server = createServer((near) => {
    if (!whole) {
      near.destroy();
      return;
    }
    const far = connect(target, "127.0.0.1");
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      if (hanging) socket.pause();
      socket.setNoDelay(true);
      socket.on("data", (bytes) => other.write(bytes));
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const sever = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: address.port,
    url: `http://localhost:${address.port}`,
    cut() {
      whole = false;
      sever();
    },
    hang() {
      hanging = true;
      for (const socket of open) socket.pause();
    },
    restore() {
      whole = true;
      hanging = false;
      for (const socket of open) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        sever();
      }),
  };
}
