// The whole matrix of clients with the media server, written into docs/interop.md: `npm run interop -- media`. `--print` prints it only, `outputs` runs the
// players of HLS and recordings alone, `clients` those of WHIP and WHEP.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { launch } from "../../browser/support/browser.ts";
import { firefoxPath, launchFirefox } from "../../browser/support/firefox.ts";
import { startServer } from "../../support/server.ts";
import { linkedServers } from "../support/pages.ts";
import { npmClientRuns, programPublishes, programRepublishes, programViews } from "./cells.ts";
import { type Combination, codecs, pageToPage, roles, ways, withSound } from "./chromium.ts";
import { npmClients } from "./npm-clients.ts";
import { type Outcome, outcomeOf } from "./outcome.ts";
import { outputRows } from "./outputs.ts";
import { aiortc, ffmpeg, gstreamer, nodeDatachannel, type Program } from "./programs.ts";
import { startHost } from "./turn-host.ts";

const docs = fileURLToPath(new URL("../../../docs/interop.md", import.meta.url));
/** The first of a network of this run's own: Firefox takes no loopback address. */
const address = "10.77.0.1";
const inNetwork = process.argv.includes("--in-network");
const relayedName = `${gstreamer.name}, VP8, through our TURN`;
const wayNames = { udp: "UDP", tcp: "ICE-TCP", turn: "our TURN" } as const;

if (inNetwork) {
  const rows = [...(await gstreamerRows()), ...(await firefoxRows())];
  console.log(`rows ${JSON.stringify(rows)}`);
  process.exit();
}

let notes: string[] = [];
let failed = false;
const parts = { clients: clientTables, outputs: outputsTable };
const named = Object.keys(parts).filter((name) => process.argv.includes(name));
for (const [name, make] of Object.entries(parts)) {
  if (named.length > 0 && !named.includes(name)) continue;
  notes = [];
  const tables = await make();
  const numbered = notes.map((note, n) => `${n + 1}. ${note}`);
  const text = `${tables.join("\n\n")}\n${numbered.length > 0 ? `\n${numbered.join("\n")}\n` : ""}`;
  if (process.argv.includes("--print")) console.log(text);
  else {
    const markers = new RegExp(`(<!-- interop ${name} -->\n)[\\s\\S]*?(\n<!-- /interop -->)`);
    const changed = readFileSync(docs, "utf8").replace(markers, (_, begin, end) => `${begin}\n${text}${end}`);
    writeFileSync(docs, changed);
  }
}
process.exit(failed ? 1 : 0);

async function clientTables(): Promise<string[]> {
  return [await chromiumTable(), await clientTable()];
}

async function outputsTable(): Promise<string[]> {
  const browser = await launch("fake", withSound);
  const { names, rows } = await outputRows(browser);
  await browser.close();
  const cells = rows.map(({ name, outcomes }) => [
    name,
    ...outcomes.map((one, n) => shown(`${name}, ${names[n]}`, one)),
  ]);
  return [table(["player", ...names], cells)];
}

/** Starts a server with TURN for the matrix. `listen`: where media is. `turnListen`: where TURN is. */
function server(listen: readonly string[] = [], turnListen: readonly string[] = []) {
  const media = { enabled: true, port: 0, workers: 1, listen };
  const ports = { udpPort: 0, tcpPort: 0, relayFirstPort: 41_000, relayLastPort: 41_999 };
  return startServer({ config: { media, turn: { embedded: true, listen: turnListen, ...ports } } });
}

async function chromiumTable(): Promise<string> {
  const [running, browser] = [await server(), await launch("fake", withSound)];
  const rows: string[][] = [];
  for (const codec of codecs)
    for (const role of roles) {
      const row: string[] = [codec, role];
      for (const way of ways) {
        const cell = await outcomeOf(() => pageToPage(browser, browser, running.url, { codec, role, way }));
        row.push(shown(`Chromium ${codec} ${role} ${way}`, cell));
      }
      rows.push(row);
    }
  await browser.close();
  await running.stop();
  return table(
    ["Chromium publishes and views", "server's `a=setup`", ...ways.map((way) => wayNames[way])],
    rows,
  );
}

async function clientTable(): Promise<string> {
  const [running, browser] = [await server(), await launch("fake", withSound)];
  const { url } = running;
  const rows: string[][] = [];
  const cell = async (name: string, run: () => Promise<string>) => shown(name, await outcomeOf(run));
  for (const [program, known, relays] of [
    [aiortc, ["VP8", "H264"], true],
    [gstreamer, ["VP8", "H264", "VP9"], false],
  ] as const) {
    for (const codec of known)
      for (const role of roles) {
        const name = `${program.name}, ${codec}, server ${role}`;
        const options = { codec, role };
        rows.push([
          name,
          await cell(`${name} publishes`, () => programPublishes(browser, url, program, options)),
          await cell(`${name} views`, () => programViews(browser, url, program, options)),
        ]);
      }
    if (!relays) continue;
    const name = `${program.name}, VP8, through our TURN`;
    const options = { codec: "VP8", role: "passive", relayed: true } as const;
    rows.push([
      name,
      await cell(`${name} publishes`, () => programPublishes(browser, url, program, options)),
      await cell(`${name} views`, () => programViews(browser, url, program, options)),
    ]);
  }
  const whipMuxer = ffmpeg();
  const published = () => programPublishes(browser, url, whipMuxer, { codec: "H264", role: "active" });
  rows.push([`${whipMuxer.name}, H264, server active`, await cell(whipMuxer.name, published), ""]);
  for (const [codec, role] of [
    ["VP8", "passive"],
    ["H264", "active"],
  ] as const) {
    const name = `${nodeDatachannel.name}, ${codec}, server ${role}`;
    const run = () => programRepublishes(browser, url, nodeDatachannel, { codec, role });
    const both = await cell(name, run);
    rows.push([name, both, both]);
  }
  for (const client of npmClients) {
    const name = `\`${client.name}\` in Chromium`;
    const done = await cell(`${name}: ${client.mode}`, () => npmClientRuns(browser, url, client));
    const row = rows.find(([first]) => first === name) ?? [name, "", ""];
    if (!rows.includes(row)) rows.push(row);
    row[client.mode === "publish" ? 1 : 2] = done;
  }
  await browser.close();
  await running.stop();
  for (const [name, publishes, views] of networkOutcomes())
    rows.push([name, shown(`${name} publishes`, publishes), shown(`${name} views`, views)]);
  return table(["client", "publishes, Chromium views", "views, Chromium publishes"], rows);
}

type Row = readonly [name: string, publishes: Outcome, views: Outcome];

/** Runs the parts with Firefox, and with GStreamer through TURN, in a network of their own, with an address that isn't loopback and a default route. */
function networkOutcomes(): Row[] {
  const network = [
    "ip link set lo up",
    "ip link add veth0 type veth peer name veth1",
    `ip address add ${address}/24 dev veth0`,
    "ip link set veth0 up",
    "ip link set veth1 up",
    "ip route add default via 10.77.0.2",
    'exec "$@"',
  ].join(" && ");
  const [self = "", script = ""] = process.argv;
  const args = ["--net", "sh", "-c", network, "sh", self, script, "--in-network"];
  const { stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8" });
  const found = /^rows (.*)$/m.exec(stdout ?? "")?.[1];
  if (found !== undefined) return JSON.parse(found) as Row[];
  if (stderr) console.error(stderr);
  const none: Outcome = { result: "no", detail: "needs a network namespace (root, iproute2)" };
  return [relayedName, "Firefox"].map((name) => [name, none, none]);
}

/** GStreamer on a host of its own from which nothing but our TURN can be reached: its libnice takes no address of loopback. */
async function gstreamerRows(): Promise<Row[]> {
  const [running, chromium] = [await server([address], [address]), await launch("fake", withSound)];
  const links = await linkedServers(`${running.url}/whip/any`, "dev:alice");
  const ports = links.flatMap(({ urls }) => /:(\d+)\?transport=udp$/.exec(String(urls))?.[1] ?? []);
  const host = await startHost(running.port, Number(ports[0]));
  const inside: Program = { ...gstreamer, command: [...host.command, ...gstreamer.command] };
  const options = { codec: "VP8", role: "passive", relayed: true } as const;
  const outcomes = [
    await outcomeOf(() => programPublishes(chromium, running.url, inside, options)),
    await outcomeOf(() => programViews(chromium, running.url, inside, options)),
  ] as const;
  host.stop();
  await chromium.close();
  await running.stop();
  return [[relayedName, ...outcomes]];
}

async function firefoxRows(): Promise<Row[]> {
  if (firefoxPath === null) {
    const none: Outcome = { result: "no", detail: "needs firefox-esr" };
    return [["Firefox", none, none]];
  }
  const running = await server([address], [address]);
  const [firefox, chromium] = [await launchFirefox(), await launch("fake", withSound)];
  const rows: Row[] = [];
  const run = (from: Browser, to: Browser, combination: Combination) =>
    outcomeOf(() => pageToPage(from, to, running.url, combination));
  // ICE-TCP and TURN with one codec.
  const others: Combination[] = [
    { codec: "VP8", role: "active", way: "tcp" },
    { codec: "VP8", role: "passive", way: "turn" },
  ];
  const plain = codecs.flatMap((codec) => roles.map((role): Combination => ({ codec, role, way: "udp" })));
  for (const combination of [...plain, ...others]) {
    const { codec, role, way } = combination;
    const name = `Firefox, ${codec}, server ${role}, ${wayNames[way]}`;
    rows.push([name, await run(firefox, chromium, combination), await run(chromium, firefox, combination)]);
    console.error(rows.at(-1));
  }
  await Promise.all([firefox.close(), chromium.close()]);
  await running.stop();
  return rows;
}

/** A cell as the table shows it: what is not plainly right has a note. */
function shown(name: string, { result, detail }: Outcome): string {
  console.error(`${name}: ${result} ${detail}`);
  failed ||= result === "failed";
  if (result === "ok" && detail === "") return "✓";
  const [sign, word] = { ok: ["✓", "Works"], no: ["–", "Not run"], failed: ["✗", "Failed"] }[result] as [
    string,
    string,
  ];
  const note = `${word}: ${detail}`;
  if (!notes.includes(note)) notes.push(note);
  return `${sign} (${notes.indexOf(note) + 1})`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
