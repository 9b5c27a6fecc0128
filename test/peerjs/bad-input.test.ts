import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RunningServer, startServer } from "../support/server.ts";

setDefaultTimeout(60_000);

describe("bad input over real sockets", () => {
  let server: RunningServer;
  beforeAll(async () => {
    server = await startServer({
      config: { peerjs: { limits: { requestsPerSecond: 20, requestsBurst: 40 }, guestKeys: [] } },
    });
  });
  afterAll(() => server?.stop());

  /** A socket, what it hears, and how it was closed. */
  function open(id: string, query = `key=peerjs&id=${id}&token=t-${id}`) {
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/peerjs/peerjs?${query}`);
    const heard: { type: string; payload?: { msg: string } }[] = [];
    socket.onmessage = ({ data }) => heard.push(JSON.parse(String(data)));
    const closed = new Promise<number>((resolve) => {
      socket.onclose = ({ code }) => resolve(code);
    });
    const opened = new Promise<void>((resolve) => {
      socket.addEventListener("message", () => resolve(), { once: true });
    });
    return { socket, heard, closed, opened };
  }

  test("a binary message is answered ERROR, and its socket is closed", async () => {
    const { socket, heard, closed, opened } = open("binary");
    await opened;
    socket.send(new Uint8Array([1, 2, 3]));
    expect(await closed).toBe(1003);
    expect(heard.map(({ type }) => type)).toEqual(["OPEN", "ERROR"]);
  });

  test("a wrong key, and no id", async () => {
    const wrong = open("x", "key=wrong&id=x&token=t");
    await wrong.closed;
    expect(wrong.heard).toEqual([{ type: "INVALID-KEY" }]);
    const none = open("x", "key=peerjs");
    await none.closed;
    expect(none.heard[0]?.type).toBe("ERROR");
  });

  test("a flood closes its own socket with 1008, and others go on", async () => {
    const [flooder, innocent] = [open("flooder"), open("innocent")];
    await Promise.all([flooder.opened, innocent.opened]);
    const text = JSON.stringify({ type: "OFFER", dst: "x".repeat(60_000), payload: {} });
    for (let n = 0; n < 200; n++) flooder.socket.send(text);
    expect(await flooder.closed).toBe(1008);
    innocent.socket.send(
      '{"type":"OFFER","dst":"a:b","payload":{"type":"media","connectionId":"m","sdp":{"sdp":"v=0"}}}',
    );
    const end = Date.now() + 20_000;
    while (innocent.heard.length < 2 && Date.now() < end) await Bun.sleep(10);
    expect(innocent.heard[1]?.type).toBe("EXPIRE");
    expect(innocent.socket.readyState).toBe(WebSocket.OPEN);
    innocent.socket.close();
  });
});
