import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type RawDevice, rawDevice } from "../browser/support/raw-device.ts";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { libraries } from "./support/clients.ts";

setDefaultTimeout(60_000);

const patience = 20_000;
const library = Object.keys(libraries) as (keyof typeof libraries)[];

describe("unmodified clients over WebSocket", () => {
  let server: RunningServer;
  let service: string;
  let native: RawDevice;
  beforeAll(async () => {
    server = await startServer();
    service = `${server.url.replace("http", "ws")}/xmpp`;
    native = await rawDevice(server.url, "nora", "phone");
  });
  afterAll(async () => {
    native?.close();
    await server?.stop();
  });

  test.each(library)(
    "%s signs in, sees who is there, and exchanges messages with a native device",
    async (name) => {
      const client = await libraries[name]({
        service,
        user: `user-${name.replace(/\W/g, "")}`,
        resource: "desk",
      });
      expect(client.jid).toEndWith("@example.org/desk");
      expect(await client.roster()).toEqual([]);
      client.subscribe("nora@example.org");
      await until(() => client.seen.includes("nora@example.org/phone"), patience);
      expect(await client.roster()).toEqual(["nora@example.org"]);
      client.say("nora@example.org", `<hello> & "you" of ${name}`);
      const message = (await native.next("message")) as { from?: { device?: string }; body?: unknown };
      expect(message.body).toBe(`<hello> & "you" of ${name}`);
      expect(message.from?.device).toBe("desk");
      native.ask("send", { to: client.jid.split("@")[0] as string, body: "hi & <there>" });
      await until(() => client.got.length > 0, patience);
      expect(client.got).toEqual([{ from: "nora@example.org/phone", body: "hi & <there>" }]);
      await client.close();
    },
  );

  test("they exchange messages with each other", async () => {
    const clients = await Promise.all(
      library.map((name) => libraries[name]({ service, user: `all-${name.replace(/\W/g, "")}` })),
    );
    for (const one of clients)
      for (const other of clients) if (one !== other) one.say(other.jid, `from ${one.jid}`);
    for (const one of clients) {
      await until(() => one.got.length === clients.length - 1, patience);
      expect(new Set(one.got.map(({ body }) => body))).toEqual(
        new Set(clients.filter((other) => other !== one).map(({ jid }) => `from ${jid}`)),
      );
    }
    await Promise.all(clients.map((one) => one.close()));
  });

  test.each(library)("%s with a wrong secret is refused", async (name) => {
    const refused = libraries[name]({ service, user: "mallory", password: "dev:alice" });
    expect(
      await refused.then(
        () => "signed in",
        () => "refused",
      ),
    ).toBe("refused");
  });

  test("where this is stands in host-meta, in XML and in JSON", async () => {
    const meta = (path: string) => fetch(`${server.url}/.well-known/host-meta${path}`);
    expect(await (await meta(".json")).json()).toEqual({
      links: [{ rel: "urn:xmpp:alt-connections:websocket", href: service }],
    });
    expect(await (await meta("")).text()).toContain(`href="${service}"`);
  });
});

test("tokens by PLAIN alone, where the settings say so", async () => {
  const server = await startServer({ config: { xmpp: { sasl: ["PLAIN"], domain: "sb.example" } } });
  try {
    const service = `${server.url.replace("http", "ws")}/xmpp`;
    const client = await libraries.stanza({ service, user: "alice", domain: "sb.example" });
    expect(client.jid).toBe("alice@sb.example/stanza");
    await client.close();
    const foreign = libraries.stanza({ service, user: "alice", domain: "other.example" });
    expect(
      await foreign.then(
        () => "signed in",
        () => "refused",
      ),
    ).toBe("refused");
  } finally {
    await server.stop();
  }
});
