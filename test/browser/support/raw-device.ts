import { paths, subprotocol } from "../../../src/protocol/version.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A device without a browser: it stands on the line and does exactly what a test asks of it. */
export interface RawDevice {
  ask(type: string, fields: Fields): void;
  /** The next push of a type, also one that came before. */
  next(type: string): Promise<Fields & { readonly session: string }>;
  close(): void;
  /** Cuts the connection as a network that is gone does: no close frame. */
  cut(): void;
}

export async function rawDevice(
  url: string,
  user: string,
  id = `${user}-${crypto.randomUUID()}`,
): Promise<RawDevice> {
  const socket = new WebSocket(url.replace("http", "ws") + paths.websocket, subprotocol);
  const came: Record<string, unknown>[] = [];
  let wake = () => {};
  let requests = 0;
  const send = (frame: Fields) => socket.send(JSON.stringify(frame));
  const ask = (type: string, fields: Fields) => send({ id: ++requests, type, ...fields });
  const take = async (type: string, patience = 8_000): Promise<Fields & { readonly session: string }> => {
    const deadline = Date.now() + patience;
    for (;;) {
      const index = came.findIndex((frame) => frame.type === type);
      const [found] = index < 0 ? [] : came.splice(index, 1);
      if (found !== undefined) return found as Fields & { readonly session: string };
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${user} was not sent ${type}: ${JSON.stringify(came)}`);
      await Promise.race([
        new Promise<void>((resolve) => {
          wake = resolve;
        }),
        Bun.sleep(left),
      ]);
    }
  };
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(String(data));
    if (frame.type === "ping") send({ type: "pong" });
    came.push(frame);
    wake();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve);
    socket.addEventListener("error", reject);
  });
  send({
    type: "hello",
    token: `dev:${user}`,
    device: { id, kind: "browser", name: "a device" },
    instance: crypto.randomUUID(),
    attempt: 1,
  });
  await take("welcome");
  ask("join", { room: "room:front", data: { since: Date.now() } });
  return {
    ask,
    next: take,
    close: () => socket.close(1000),
    cut: () => (socket as unknown as Bun.WebSocket).terminate(),
  };
}
