import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { type RunningServer, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";
import { libraries } from "./support/clients.ts";
import { type Prosody, prosodyPath, startProsody } from "./support/prosody.ts";
import { RawStream } from "./support/raw-stream.ts";

setDefaultTimeout(120_000);

const patience = 30_000;

/** A server that the script runs against. */
interface Place {
  readonly service: string;
  readonly domain: string;
  password(user: string): string;
}

/** What the script saw, by the name of the step. */
type Facts = Map<string, string>;

/** What clients of a library see of each other: the same steps for each library. */
async function chats({ service, domain, password }: Place, library: keyof typeof libraries): Promise<Facts> {
  const facts: Facts = new Map();
  const open = (user: string, resource: string, secret = password(user)) =>
    libraries[library]({ service, domain, user, resource, password: secret });
  const wrong = await open("alice", "w", "wrong").then(
    () => "signed in",
    () => "refused",
  );
  facts.set("a wrong password", wrong);
  const [alice, bob] = [await open("alice", "desk"), await open("bob", "phone")];
  facts.set("the JID", alice.jid);
  const says = async (name: string, to: string) => {
    const before = bob.got.length;
    alice.say(to, `${name} & <é>`);
    await until(() => bob.got.length > before, patience);
    facts.set(name, JSON.stringify(bob.got.slice(before)));
  };
  await says("a message to a full JID", `bob@${domain}/phone`);
  await says("a message to a bare JID", `bob@${domain}`);
  facts.set("the roster at first", JSON.stringify(await alice.roster()));
  await alice.close();
  await bob.close();
  return facts;
}

/** What a stream answers to single elements. */
async function streams(place: Place): Promise<Facts> {
  const facts: Facts = new Map();
  const { domain } = place;
  const open = (user: string, resource = "raw") => RawStream.open({ ...place, user, resource });
  const alice = await open("alice");
  const ask = async (name: string, type: string, payload: string, to?: string) => {
    const id = `q${facts.size}`;
    const target = to === undefined ? "" : ` to="${to}"`;
    const answer = alice.next((text) => text.startsWith("<iq") && text.includes(id));
    alice.send(`<iq xmlns="jabber:client" type="${type}" id="${id}"${target}>${payload}</iq>`);
    facts.set(name, outcome(await answer));
  };
  const query = (ns: string) => `<query xmlns="${ns}"/>`;
  await ask("ping of the server", "get", '<ping xmlns="urn:xmpp:ping"/>', domain);
  await ask("ping of oneself", "get", '<ping xmlns="urn:xmpp:ping"/>');
  await ask("disco#info of the server", "get", query("http://jabber.org/protocol/disco#info"), domain);
  await ask("disco#info of the account", "get", query("http://jabber.org/protocol/disco#info"));
  await ask("an unknown query of the server", "get", query("urn:example"), domain);
  await ask("an unknown query of the account", "get", query("urn:example"));
  await ask("a query without a payload", "get", "");
  await ask("a query with two payloads", "get", `${query("urn:example")}${query("urn:example")}`);
  await ask("a query of an unknown type", "dance", query("urn:example"));
  await ask("a query of a resource that isn't there", "get", query("urn:example"), `bob@${domain}/nowhere`);
  await ask("a query of another domain", "get", query("urn:example"), "elsewhere.example");
  await ask("the roster", "get", query("jabber:iq:roster"));
  await ask("carbons", "set", '<enable xmlns="urn:xmpp:carbons:2"/>');
  await ask("a session, as before RFC 6121", "set", '<session xmlns="urn:ietf:params:xml:ns:xmpp-session"/>');
  await ask("a vCard of one's own", "get", '<vCard xmlns="vcard-temp"/>');

  const message = async (name: string, to: string) => {
    alice.send(`<message xmlns="jabber:client" to="${to}" id="m" type="chat"><body>x</body></message>`);
    facts.set(name, outcome(await alice.before((text) => text.startsWith("<message"))));
  };
  await message("a message to a user who isn't there", `bob@${domain}`);
  await message("a message to a resource that isn't there", `bob@${domain}/nowhere`);
  await message("a message to an unknown user", `nobody@${domain}`);
  await message("a message to another domain", "eve@elsewhere.example");
  await message("a message to no JID", `@@${domain}`);

  const answer = alice.next((text) => text.includes("urn:xmpp:sm:3"));
  alice.send('<enable xmlns="urn:xmpp:sm:3" resume="true"/>');
  facts.set("stream management", /<(\w+)/.exec((await answer) ?? "")?.[1] ?? "nothing");

  // Each of these ends a stream of its own.
  const ends = async (name: string, text: string) => {
    const stream = await open("carol", `s${facts.size}`);
    stream.send(text);
    facts.set(name, await stream.end());
  };
  const body = "<body>x</body>";
  await ends(
    "from of another",
    `<message xmlns="jabber:client" from="bob@${domain}/x" to="alice@${domain}">${body}</message>`,
  );
  await ends("a comment", '<message xmlns="jabber:client"><!-- c --></message>');
  await ends("a processing instruction", '<message xmlns="jabber:client"><?x y?></message>');
  await ends("an entity", '<message xmlns="jabber:client">&e;</message>');
  await ends("an unbound prefix", "<x:message/>");
  await ends("a doubled attribute", '<message xmlns="jabber:client" to="a" to="b"/>');
  await ends("text that is no XML", "hello");
  await ends("an element of an unknown namespace", '<x xmlns="urn:example"/>');
  await ends("close", '<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>');
  alice.close();

  const old = await open("dave", "same");
  const young = await open("dave", "same");
  facts.set("the second of the same resource", await old.end());
  young.close();
  return facts;
}

/** The type of an answer, and the condition of its error; `nothing` where none came. */
function outcome(text: string | undefined): string {
  if (text === undefined) return "nothing";
  const error = /<error\b[^>]*>\s*<([\w-]+)/.exec(text)?.[1];
  return error ?? /\btype=['"](\w+)/.exec(text)?.[1] ?? "a message";
}

/** The rows of the table in docs/xmpp.md: by step, what Prosody does, what is done here, and why. */
function documented(): Map<string, { readonly prosody: string; readonly here: string }> {
  const text = readFileSync(new URL("../../docs/xmpp.md", import.meta.url), "utf8");
  const [, table = ""] = text.split("| step | Prosody | here | why |\n");
  const rows = new Map<string, { prosody: string; here: string }>();
  for (const line of table.split("\n").slice(1)) {
    const [, name, prosody, here, why] = line.split("|").map((cell) => cell.trim());
    if (name === undefined || prosody === undefined || here === undefined) break;
    if (why === undefined || why === "") throw new Error(`docs/xmpp.md does not say why: ${name}`);
    rows.set(name, { prosody, here });
  }
  return rows;
}

function differences(prosody: Facts, here: Facts) {
  const found = new Map<string, { prosody: string; here: string }>();
  for (const name of new Set([...prosody.keys(), ...here.keys()])) {
    const pair = { prosody: prosody.get(name) ?? "nothing", here: here.get(name) ?? "nothing" };
    if (pair.prosody !== pair.here) found.set(name, pair);
  }
  return found;
}

describe.skipIf(prosodyPath === undefined)("the same script against Prosody and here", () => {
  let prosody: Prosody;
  let server: RunningServer;
  let places: readonly [Place, Place];
  beforeAll(async () => {
    prosody = await startProsody(["alice", "bob", "carol", "dave"]);
    server = await startServer({ config: { xmpp: { domain: "localhost" } } });
    const service = `${server.url.replace("http", "ws")}/xmpp`;
    places = [
      { service: prosody.service, domain: "localhost", password: () => "pw" },
      { service, domain: "localhost", password: (user) => `dev:${user}` },
    ];
  });
  afterAll(async () => {
    await server?.stop();
    await prosody?.stop();
  });

  for (const library of Object.keys(libraries) as (keyof typeof libraries)[])
    test(`${library} sees no difference`, async () => {
      const [theirs, ours] = [await chats(places[0], library), await chats(places[1], library)];
      expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
    });

  test("streams differ as docs/xmpp.md says, and in nothing else", async () => {
    const [theirs, ours] = [await streams(places[0]), await streams(places[1])];
    expect(Object.fromEntries(differences(theirs, ours))).toEqual(Object.fromEntries(documented()));
    expect(theirs.size).toBeGreaterThan(25);
  });
});
