import { expect, test } from "bun:test";
import { bindUdp } from "../../../src/net/udp.ts";

const address = "127.0.0.1";

test("the receive buffer holds what was asked for, however many sockets there were before", async () => {
  const receiveBuffer = 1 << 20;
  for (let n = 0; n < 3_000; n++)
    (await bindUdp({ address, port: 0, receiveBuffer, receive: () => {} })).close();
  let received = 0;
  const to = await bindUdp({ address, port: 0, receiveBuffer, receive: () => void received++ });
  const from = await bindUdp({ address, port: 0, receive: () => {} });
  // All at once: none of them is read before the last one is sent.
  const bytes = new Uint8Array(172);
  for (let n = 0; n < 200; n++) from.send(bytes, to.port, address);
  for (let left = 100; left > 0 && received < 200; left--) await Bun.sleep(10);
  expect(received).toBe(200);
  from.close();
  to.close();
}, 30_000);
