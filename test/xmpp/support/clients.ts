import { createRequire } from "node:module";
import { installPeers } from "../../support/peers.ts";
import { until } from "../../support/until.ts";

const load = createRequire(`${installPeers()}x.js`);

/** What a test sees of a client, whichever library it is. */
interface ChatClient {
  readonly jid: string;
  /** Texts that it got, each with who it is from. */
  readonly got: { readonly from: string; readonly body: string }[];
  /** Who it saw come and go: `bob@d/x`, and `-bob@d/x`. */
  readonly seen: string[];
  say(to: string, body: string): void;
  /** The JIDs in its roster. */
  roster(): Promise<string[]>;
  subscribe(to: string): void;
  close(): Promise<void>;
}

interface ClientOptions {
  /** Such as `ws://127.0.0.1:1234/xmpp`. */
  readonly service: string;
  readonly user: string;
  readonly domain?: string;
  readonly resource?: string;
  readonly password?: string;
}

/** A client of the library `stanza`, signed in and available. Rejects where that fails. */
async function stanzaClient({
  service,
  user,
  domain = "example.org",
  resource = "stanza",
  password = `dev:${user}`,
}: ClientOptions): Promise<ChatClient> {
  const { createClient } = load("stanza");
  const client = createClient({
    jid: `${user}@${domain}`,
    password,
    resource,
    transports: { websocket: service, bosh: false },
    autoReconnect: false,
  });
  const got: ChatClient["got"] = [];
  const seen: string[] = [];
  client.on("message", ({ from, body }: { from: string; body?: string }) => {
    if (body !== undefined) got.push({ from, body });
  });
  client.on("presence", ({ from, type }: { from: string; type?: string }) => {
    if (type === undefined) seen.push(from);
    else if (type === "unavailable") seen.push(`-${from}`);
  });
  await new Promise<void>((resolve, reject) => {
    client.on("session:started", () => resolve());
    client.on("auth:failed", () => reject(new Error("not-authorized")));
    client.on("stream:error", (error: object) => reject(new Error(JSON.stringify(error))));
    client.on("--transport-disconnected", () => reject(new Error("disconnected")));
    client.connect();
  });
  client.sendPresence();
  return {
    jid: client.jid,
    got,
    seen,
    say: (to, body) => client.sendMessage({ to, body, type: "chat" }),
    roster: async () => (await client.getRoster()).items.map(({ jid }: { jid: string }) => jid),
    subscribe: (to) => client.subscribe(to),
    close: async () => {
      const closed = new Promise<void>((resolve) => client.on("disconnected", () => resolve()));
      client.disconnect();
      await closed;
    },
  };
}

/** A client that shows what it gets, and sends what it is told. */
interface RawClient extends ChatClient {
  /** Texts of all stanzas that it got. */
  readonly stanzas: string[];
  /** Sends a text as it is. */
  raw(text: string): void;
}

/** The same of `@xmpp/client`. */
async function xmppjsClient({
  service,
  user,
  domain = "example.org",
  resource = "xmppjs",
  password = `dev:${user}`,
}: ClientOptions): Promise<RawClient> {
  const { client: make, xml } = load("@xmpp/client");
  const client = make({ service, domain, resource, username: user, password });
  client.reconnect.stop();
  const got: ChatClient["got"] = [];
  const seen: string[] = [];
  const stanzas: string[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: the library has no types
  client.on("stanza", (stanza: any) => {
    const { from, type } = stanza.attrs;
    stanzas.push(String(stanza));
    const body = stanza.getChildText("body");
    if (stanza.is("message") && body !== null) got.push({ from, body });
    if (stanza.is("presence") && (type === undefined || type === "unavailable"))
      seen.push(type === undefined ? from : `-${from}`);
  });
  client.on("error", () => {});
  const jid = String(await client.start());
  await client.send(xml("presence"));
  return {
    jid,
    got,
    seen,
    stanzas,
    raw: (text) => client.write(text),
    say: (to, body) => client.send(xml("message", { to, type: "chat" }, xml("body", {}, body))),
    roster: async () => {
      const query = await client.iqCaller.get(xml("query", "jabber:iq:roster"));
      return query.getChildren("item").map(({ attrs }: { attrs: { jid: string } }) => attrs.jid);
    },
    subscribe: (to) => client.send(xml("presence", { type: "subscribe", to })),
    close: async () => {
      await client.stop();
    },
  };
}

/** The same of Strophe.js. */
async function stropheClient({
  service,
  user,
  domain = "example.org",
  resource = "strophe",
  password = `dev:${user}`,
}: ClientOptions): Promise<ChatClient> {
  const { Strophe, $pres, $msg, $iq } = load("strophe.js");
  const connection = new Strophe.Connection(service, { protocol: "ws" });
  const got: ChatClient["got"] = [];
  const seen: string[] = [];
  await new Promise<void>((resolve, reject) => {
    connection.connect(`${user}@${domain}/${resource}`, password, (status: number) => {
      if (status === Strophe.Status.CONNECTED) resolve();
      if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL)
        reject(new Error("not-authorized"));
    });
  });
  const each = (name: string, hear: (stanza: Element, from: string, type: string | null) => void): void => {
    connection.addHandler(
      (stanza: Element) => {
        hear(stanza, stanza.getAttribute("from") ?? "", stanza.getAttribute("type"));
        return true;
      },
      null,
      name,
    );
  };
  each("message", (stanza, from) => {
    const body = stanza.getElementsByTagName("body")[0];
    if (body !== undefined) got.push({ from, body: Strophe.xmlunescape(Strophe.getText(body)) });
  });
  each("presence", (_, from, type) => {
    if (type === null || type === "unavailable") seen.push(type === null ? from : `-${from}`);
  });
  connection.send($pres());
  return {
    jid: connection.jid,
    got,
    seen,
    say: (to, body) => connection.send($msg({ to, type: "chat" }).c("body").t(body)),
    roster: () =>
      new Promise((resolve, reject) =>
        connection.sendIQ(
          $iq({ type: "get" }).c("query", { xmlns: "jabber:iq:roster" }),
          (answer: Element) =>
            resolve([...answer.getElementsByTagName("item")].map((item) => item.getAttribute("jid") ?? "")),
          reject,
        ),
      ),
    subscribe: (to) => connection.send($pres({ type: "subscribe", to })),
    close: async () => {
      connection.disconnect("");
      await until(() => !connection.connected, 10_000);
    },
  };
}

export const libraries = {
  stanza: stanzaClient,
  "@xmpp/client": xmppjsClient,
  "strophe.js": stropheClient,
} as const;
