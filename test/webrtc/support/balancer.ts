import { createServer, connect as dial, type Socket } from "node:net";

export interface Balancer {
  /** Where clients connect to. */
  readonly url: string;
  stop(): Promise<void>;
}

/** A load balancer as they are before a cluster: TCP, each connection to the next server that takes it. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((near) => {
    open.add(near);
    near.on("error", () => {}).once("close", () => open.delete(near));
    pass(near, turn++, ports.length);
  });
  const pass = (near: Socket, index: number, left: number): void => {
    const far = dial(ports[index % ports.length] ?? 0, "127.0.0.1");
    let through = false;
    far.once("connect", () => {
      through = true;
      near.pipe(far);
      far.pipe(near);
    });
    near.once("close", () => far.destroy());
    far.on("error", () => {});
    far.once("close", () => {
      if (through || left === 1 || near.destroyed) near.destroy();
      else pass(near, index + 1, left - 1);
    });
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
