import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { type RunningServer, startServer } from "../support/server.ts";
import { strict, token } from "../webrtc/support/tokens.ts";
import { eventually } from "./support/parties.ts";
import { RawClient } from "./support/raw-client.ts";

setDefaultTimeout(90_000);

const key = "a key of which device secrets are derived";
const metricsToken = "a token that metrics are read with";
const secretOf = (login: string) => createHmac("sha256", key).update(`${login}:1`).digest("base64url");

describe("signing in outside of development mode", () => {
  let server: RunningServer;
  beforeAll(async () => {
    const sip = { tcp: { enabled: true, host: "127.0.0.1", port: 0 } };
    server = await startServer({ config: { ...strict, credentials: { key }, sip, metricsToken } });
  });
  afterAll(() => server.stop());

  test("a device secret is taken, another's and the development password are not", async () => {
    const client = new RawClient(server.url);
    await client.register("alice", secretOf("alice"));
    for (const wrong of [secretOf("bob"), "dev:alice"])
      await expect(new RawClient(server.url).register("alice", wrong)).rejects.toThrow("401");
    client.close();
  });

  test("a token is taken whole, for its own user only", async () => {
    const bearer = `Authorization: Bearer ${await token("carol", { call: ["*"] })}`;
    for (const [user, status] of [
      ["carol", "200"],
      ["alice", "403"],
    ]) {
      const client = new RawClient(server.url);
      const uri = `sip:${user}@switchboard.test`;
      const more = [client.contact, bearer];
      const id = await client.ask("REGISTER", "sip:switchboard.test", { from: uri, to: `<${uri}>`, more });
      expect(await client.answer(id)).toStartWith(`SIP/2.0 ${status}`);
      client.close();
    }
  });

  test("over TCP too, in pieces, with keep-alives between", async () => {
    await eventually("the listener", async () => server.logs.some((line) => line.includes("SIP over TCP")));
    const line = server.logs.find((one) => one.includes("SIP over TCP")) ?? "";
    const socket = connect(Number(/"port":(\d+)/.exec(line)?.[1]), "127.0.0.1");
    let heard = "";
    socket.on("data", (bytes) => {
      heard += bytes.toString();
    });
    const request = [
      "OPTIONS sip:switchboard.test SIP/2.0",
      "Via: SIP/2.0/TCP client.invalid;branch=z9hG4bKtcp",
      "From: <sip:alice@switchboard.test>;tag=t",
      "To: <sip:switchboard.test>",
      "Call-ID: tcp",
      "CSeq: 1 OPTIONS",
      "Content-Length: 0",
      "\r\n",
    ].join("\r\n");
    socket.write("\r\n\r\n");
    socket.write(request.slice(0, 50));
    await eventually("a pong", async () => heard === "\r\n");
    socket.write(request.slice(50));
    await eventually("an answer", async () => /^SIP\/2.0 200 OK[\s\S]*\r\n\r\n$/.test(heard.trimStart()));
    socket.write("nonsense\r\n\r\n");
    await new Promise<void>((resolve) => socket.once("close", () => resolve()));
  });

  test("metrics count what passes", async () => {
    const headers = { Authorization: `Bearer ${metricsToken}` };
    const metrics = await (await fetch(`${server.url}/metrics`, { headers })).text();
    expect(metrics).toMatch(/switchboard_gateway_messages_total\{gateway="sip",kind="taken"\} [1-9]/);
    expect(metrics).toContain('switchboard_gateway_devices{gateway="sip"}');
  });
});
