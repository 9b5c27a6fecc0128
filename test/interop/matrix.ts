import { api } from "../api/support.ts";
import { converseWholly, type Party, whyNot } from "./cell.ts";
import type { Client } from "./client.ts";
import type { End } from "./end.ts";
import type { Rig } from "./rig.ts";

/** What became of an ordered pair. `no`: it can't call, and why. `ok`: with what was left out, and why. */
type Outcome =
  | { readonly result: "ok"; readonly notes: readonly string[] }
  | { readonly result: "failed" | "no"; readonly notes: readonly [string] };

export interface Matrix {
  readonly clients: readonly Client[];
  /** By the caller's name, then by the callee's. */
  readonly outcomes: ReadonlyMap<string, ReadonlyMap<string, Outcome>>;
  /** By the client's name, then by what happened: everything that it was heard to say. */
  readonly words: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;
}

/** Calls at a time: most of each is waiting. */
const lanes = 3;

export interface MatrixOptions {
  /** Which ordered pairs are run; all, if it is left out. */
  readonly wanted?: (caller: Client, callee: Client) => boolean;
  /** Each client calls and is called at one end: no client can call another of its kind then. */
  readonly oneEndEach?: boolean;
  /** What a pair does; everything, if it is left out. */
  readonly converse?: typeof converseWholly;
}

/** Runs ordered pairs of these clients. */
export async function runMatrix(
  rig: Rig,
  clients: readonly Client[],
  { wanted = () => true, oneEndEach = false, converse = converseWholly }: MatrixOptions = {},
): Promise<Matrix> {
  const ask = api(rig.server);
  const ends = new Ends(rig, clients);
  const [calls, called]: [Role, Role] = oneEndEach ? ["both", "both"] : ["calls", "is called"];
  const outcomes = new Map<string, Map<string, Outcome>>();
  const words = new Map<string, Map<string, Set<string>>>();
  const heard = ({ name }: Client, happened: string, said: string): void => {
    const all = words.get(name) ?? new Map<string, Set<string>>();
    words.set(name, all.set(happened, (all.get(happened) ?? new Set()).add(said)));
  };
  const settle = (caller: Client, callee: Client, outcome: Outcome): void => {
    const row = outcomes.get(caller.name) ?? new Map<string, Outcome>();
    outcomes.set(caller.name, row.set(callee.name, outcome));
    const signs = { ok: "✓", failed: "✗", no: "–" };
    console.error(`${signs[outcome.result]} ${caller.name} calls ${callee.name} ${outcome.notes.join("; ")}`);
  };
  const waiting: [Client, Client][] = [];
  for (const round of clients.keys())
    for (const [n, caller] of clients.entries()) {
      const callee = clients[(n + round) % clients.length] as Client;
      if (!wanted(caller, callee)) continue;
      const why = caller.lacks ?? callee.lacks ?? whyNot(caller, callee);
      if (why === undefined) waiting.push([caller, callee]);
      else settle(caller, callee, { result: "no", notes: [why] });
    }
  /** An end has one call at a time. */
  const busy = new Set<string>();
  const lane = async (): Promise<void> => {
    for (;;) {
      const at = waiting.findIndex(
        ([caller, callee]) => !busy.has(`${caller.name} ${calls}`) && !busy.has(`${callee.name} ${called}`),
      );
      if (at < 0 && waiting.length === 0) return;
      if (at < 0) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      const [[caller, callee]] = waiting.splice(at, 1) as [[Client, Client]];
      const places = [`${caller.name} ${calls}`, `${callee.name} ${called}`];
      for (const place of places) busy.add(place);
      const began = Date.now();
      try {
        const parties: [Party, Party] = [
          { client: caller, end: await ends.end(caller, calls) },
          { client: callee, end: await ends.end(callee, called) },
        ];
        const notes = await converse(...parties, ask, heard);
        settle(caller, callee, { result: "ok", notes: [...new Set(notes)] });
        console.error(`  ${Date.now() - began} ms`);
        // The server keeps sessions of ends that don't say that they are over.
        if ([caller, callee].every(({ capabilities }) => capabilities.hangup === false))
          await Promise.all([ends.discard(caller, calls), ends.discard(callee, called)]);
      } catch (error) {
        const why = (error as Error).message.split("\n")[0] ?? "";
        settle(caller, callee, { result: "failed", notes: [why] });
        for (const end of [ends.end(caller, calls), ends.end(callee, called)])
          console.error(`  ${await end.then((one) => one.about?.()).catch(String)}`);
        // It may still be in the call.
        await Promise.all([ends.discard(caller, calls), ends.discard(callee, called)]);
      }
      for (const place of places) busy.delete(place);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  await ends.close();
  return { clients, outcomes, words };
}

type Role = "calls" | "is called" | "both";

/** The ends of a run: one of each client that calls, and one that is called. */
class Ends {
  readonly #rig: Rig;
  readonly #clients: readonly Client[];
  readonly #open = new Map<string, Promise<End>>();
  /** Ends are opened one after another: many at once take longer than each may. */
  #opened: Promise<unknown> = Promise.resolve();
  #made = 0;

  constructor(rig: Rig, clients: readonly Client[]) {
    this.#rig = rig;
    this.#clients = clients;
  }

  end(client: Client, role: Role): Promise<End> {
    const key = `${client.name} ${role}`;
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const index = 2 * this.#clients.indexOf(client) + (role === "is called" ? 1 : 0);
    const wishes = {
      user: `${client.name.toLowerCase().replace(/[^a-z0-9]/g, "")}-${++this.#made}`,
      color: (["red", "blue", "green"] as const)[role === "both" ? (index / 2) % 3 : index % 2] ?? "red",
      // Far enough apart to be told from each other.
      tone: 400 + 60 * index,
    };
    const made = this.#opened.then(() => client.open(this.#rig, wishes));
    this.#opened = made.catch(() => {});
    this.#open.set(key, made);
    return made;
  }

  async discard(client: Client, role: Role): Promise<void> {
    const key = `${client.name} ${role}`;
    const known = this.#open.get(key);
    this.#open.delete(key);
    await known?.then(
      (end) => end.close(),
      () => {},
    );
  }

  async close(): Promise<void> {
    for (const end of this.#open.values())
      await end.then(
        (one) => one.close(),
        () => {},
      );
  }
}
