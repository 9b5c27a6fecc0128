import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { createSwitchboard } from "../../../src/main.ts";
import { bindUdp } from "../../../src/net/udp.ts";
import { createLog } from "../../../src/telemetry/log.ts";

test("a server whose port is taken leaves no TURN behind", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  const probe = await bindUdp({ address: "127.0.0.1", port: 0, receive: () => {} });
  const udpPort = probe.port;
  await probe.close();
  const log = createLog({ level: "silent", format: "json" });
  const turn = { udpPort, tcpPort: 0 };
  await expect(createSwitchboard({ port, dev: true, page: false, turn }, log)).rejects.toThrow();
  const again = await bindUdp({ address: "127.0.0.1", port: udpPort, receive: () => {} });
  await again.close();
  const admin = { port, host: "127.0.0.1" };
  await expect(createSwitchboard({ port: 0, dev: true, page: false, turn, admin }, log)).rejects.toThrow(
    "setting admin.port",
  );
  const third = await bindUdp({ address: "127.0.0.1", port: udpPort, receive: () => {} });
  await third.close();
  taken.close();
});
