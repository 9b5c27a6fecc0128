import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RawDevice, rawDevice } from "../browser/support/raw-device.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { libraries } from "./support/clients.ts";
import { type Prosody, prosodyPath, startProsody } from "./support/prosody.ts";

setDefaultTimeout(60_000);

const patience = 30_000;

describe.skipIf(prosodyPath === undefined)("a component of Prosody", () => {
  let prosody: Prosody;
  let server: RunningServer;
  let nora: RawDevice;
  beforeAll(async () => {
    prosody = await startProsody(["alice"]);
    const component = {
      server: `127.0.0.1:${prosody.componentPort}`,
      domain: "call.localhost",
      secret: "component",
    };
    server = await startServer({
      config: { xmpp: { component: { ...component, users: ["alice@localhost"] } } },
    });
    nora = await rawDevice(server.url, "nora", "phone");
    await joined(1);
  });
  afterAll(async () => {
    nora?.close();
    await server?.stop();
    await prosody?.stop();
  });

  const joined = (times: number) =>
    until(
      () => server.logs.filter((line) => line.includes("joined the XMPP server")).length >= times,
      patience,
    );

  /** A client of Prosody. */
  const alice = () =>
    libraries["@xmpp/client"]({
      service: prosody.service,
      user: "alice",
      domain: "localhost",
      password: "pw",
    });

  test("its users see our devices, and messages pass both ways", async () => {
    const client = await alice();
    client.subscribe("nora@call.localhost");
    await until(() => client.seen.includes("nora@call.localhost/phone"), patience);
    client.say("nora@call.localhost", "hello");
    expect(await nora.next("message")).toMatchObject({
      from: { user: "alice@localhost", device: "xmpp", kind: "xmpp" },
      body: "hello",
    });
    nora.ask("send", { to: "alice@localhost", body: "hi" });
    await until(() => client.got.length > 0, patience);
    expect(client.got).toEqual([{ from: "nora@call.localhost/phone", body: "hi" }]);
    await client.close();
  });

  test("a call rings them by a proposal, and they decline it; their proposals ring us", async () => {
    const client = await alice();
    nora.ask("call", { to: "alice@localhost", media: { audio: true } });
    const propose = () => client.stanzas.find((one) => one.includes("<propose"));
    await until(() => propose() !== undefined, patience);
    expect(propose()).toContain('from="nora@call.localhost/phone"');
    const id = /<propose[^>]* id="([^"]+)"/.exec(propose() ?? "")?.[1];
    const message = (to: string, inner: string) =>
      client.raw(`<message xmlns="jabber:client" to="${to}" type="chat">${inner}</message>`);
    message("nora@call.localhost/phone", `<reject xmlns="urn:xmpp:jingle-message:0" id="${id}"/>`);
    expect((await nora.next("ended")).reason).toBe("declined");
    message(
      "nora@call.localhost",
      '<propose xmlns="urn:xmpp:jingle-message:0" id="p1"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/></propose>',
    );
    const ring = await nora.next("incoming");
    expect(ring).toMatchObject({ from: { user: "alice@localhost" }, media: { audio: true } });
    nora.ask("accept", { session: ring.session });
    await until(() => client.stanzas.some((one) => one.includes("<proceed")), patience);
    await client.close();
  });

  test("it comes back when the server does, and messages pass again", async () => {
    await prosody.restart();
    await joined(2);
    const client = await alice();
    nora.ask("send", { to: "alice@localhost", body: "again" });
    await until(() => client.got.some(({ body }) => body === "again"), patience);
    await client.close();
  });
});
