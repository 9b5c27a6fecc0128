import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { namespaces } from "../../src/gateways/xmpp/jingle/namespaces.ts";
import { child, clientNs, element, elements, type XmlElement } from "../../src/gateways/xmpp/xml.ts";
import { modelTimeout, runs, seed } from "../support/seed.ts";
import { contentsOf, SimJingle, type SimJingleClient } from "../support/sim-jingle.ts";

const sdp = (name: string) =>
  readFileSync(new URL(`../support/sdp/${name}.sdp`, import.meta.url), "utf8").replaceAll(
    /a=(candidate:.*|end-of-candidates)\r\n/g,
    "",
  );
const [offer, answer] = [sdp("chromium-offer"), sdp("chromium-answer")];

/** Two clients of Alice, one of Bob, and one of Carol that knows no message initiation (XEP-0353). */
const names = ["alice/desk", "alice/phone", "bob/desk", "carol/old"] as const;
const users = ["alice", "bob", "carol"] as const;

type Act =
  | { readonly do: "call"; readonly who: number; readonly user: (typeof users)[number] }
  | {
      readonly do: "accept" | "reject" | "hangup" | "candidate";
      readonly who: number;
      readonly nth: number;
    }
  | { readonly do: "pass"; readonly ms: number };

const who = fc.nat(names.length - 1);
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("call" as const), who, user: fc.constantFrom(...users) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "accept" as const,
        "accept" as const,
        "reject" as const,
        "hangup" as const,
        "candidate" as const,
      ),
      who,
      nth: fc.nat(3),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.constantFrom(0, 1, 50, 20_000, 70_000) }),
  },
);

/** How a client sees one session. */
type State =
  /** It has proposed, or initiated without a proposal. */
  | "proposed"
  | "ringing"
  /** It has said `proceed`, and waits for `session-initiate`. */
  | "proceeded"
  /** It has said `session-initiate`, and waits for `session-accept`. */
  | "initiated"
  | "active"
  | "over";

/** The answer to what is said of a session that is over (XEP-0166 §10). */
const unknownSession = (iq: XmlElement): XmlElement =>
  element(
    "iq",
    clientNs,
    { type: "error", id: iq.attributes.id, from: iq.attributes.to },
    element(
      "error",
      clientNs,
      { type: "cancel" },
      element("item-not-found", namespaces.stanzaErrors),
      element("unknown-session", namespaces.errors),
    ),
  );

/** A client that keeps to XEP-0166 and XEP-0353, and fails the test when it hears what these don't allow in its state. */
class Person {
  readonly client: SimJingleClient;
  readonly states = new Map<string, State>();
  readonly #peers = new Map<string, string>();
  readonly #usesMessages: boolean;
  #read = 0;
  #count = 0;

  constructor(world: SimJingle, name: string) {
    const [user = "", resource = ""] = name.split("/");
    this.#usesMessages = resource !== "old";
    this.client = world.client(user, resource, { messageInitiation: this.#usesMessages });
    const result = this.client.answers;
    this.client.answers = (iq) => {
      const jingle = child(iq, "jingle", namespaces.jingle);
      const isOver = this.states.get(jingle?.attributes.sid ?? "") === "over";
      return isOver && jingle?.attributes.action !== "session-terminate" ? unknownSession(iq) : result(iq);
    };
  }

  sids(...states: State[]): string[] {
    return [...this.states].flatMap(([sid, state]) => (states.includes(state) ? [sid] : []));
  }

  call(user: string): void {
    this.#count += 1;
    const sid = `${this.client.jid}-${this.#count}`;
    const to = `${user}@call.example`;
    this.#peers.set(sid, to);
    if (this.#usesMessages) {
      this.states.set(sid, "proposed");
      this.client.tell("propose", sid, to, {
        within: [element("description", namespaces.rtp, { media: "audio" })],
      });
    } else {
      this.states.set(sid, "initiated");
      this.#say("session-initiate", sid, ...contentsOf(offer, "initiator"));
    }
  }

  accept(sid: string): void {
    if (this.#usesMessages) {
      this.states.set(sid, "proceeded");
      this.client.tell("proceed", sid, this.#peers.get(sid) ?? "");
    } else {
      this.states.set(sid, "active");
      this.#say("session-accept", sid, ...contentsOf(answer, "responder"));
    }
  }

  /** Whatever one may do to end it in its state. */
  end(sid: string): void {
    const state = this.states.get(sid);
    this.states.set(sid, "over");
    const to = this.#peers.get(sid) ?? "";
    if (state === "proposed") this.client.tell("retract", sid, to);
    else if (state === "ringing" && this.#usesMessages) this.client.tell("reject", sid, to);
    else if (state === "proceeded") this.client.tell("finish", sid, to);
    else {
      const condition = element(state === "ringing" ? "decline" : "success", namespaces.jingle);
      this.#say("session-terminate", sid, element("reason", namespaces.jingle, {}, condition));
    }
  }

  candidate(sid: string): void {
    const [candidateOf] = contentsOf(
      offer.replace(
        "a=mid:0",
        "a=candidate:1 1 udp 2122260223 192.0.2.1 5000 typ host generation 0\r\na=mid:0",
      ),
      "initiator",
    );
    if (candidateOf !== undefined)
      this.#say("transport-info", sid, {
        ...candidateOf,
        children: elements(candidateOf).filter(({ name }) => name === "transport"),
      });
  }

  /** Reads what came, and does at once what no person decides. */
  read(): void {
    while (this.#read < this.client.heard.length) {
      const stanza = this.client.heard[this.#read]!;
      this.#read += 1;
      const jingle = child(stanza, "jingle", namespaces.jingle);
      const message = elements(stanza).find(({ ns }) => ns === namespaces.message);
      const from = stanza.attributes.from ?? "";
      if (jingle !== undefined)
        this.#heard(jingle.attributes.action ?? "", jingle.attributes.sid ?? "", from);
      else if (message !== undefined) this.#heard(message.name, message.attributes.id ?? "", from);
    }
  }

  #heard(what: string, sid: string, from: string): void {
    const state = this.states.get(sid);
    const at = { what, at: this.client.jid, sid, state };
    switch (what) {
      case "propose":
        expect({ ...at }).toEqual({ ...at, state: undefined });
        this.states.set(sid, "ringing");
        this.#peers.set(sid, from);
        this.client.tell("ringing", sid, from);
        break;
      case "session-initiate":
        expect(at).toEqual({ ...at, state: this.#usesMessages ? "proceeded" : undefined } as typeof at);
        this.#peers.set(sid, from);
        if (this.#usesMessages) {
          this.states.set(sid, "active");
          this.#say("session-accept", sid, ...contentsOf(answer, "responder"));
        } else this.states.set(sid, "ringing");
        break;
      case "proceed":
        expect(["proposed", "over"]).toContain(state as string);
        if (state !== "proposed") break;
        this.#peers.set(sid, from);
        this.states.set(sid, "initiated");
        this.#say("session-initiate", sid, ...contentsOf(offer, "initiator"));
        break;
      case "session-accept":
        expect(["initiated", "over"]).toContain(state as string);
        if (state === "initiated") this.states.set(sid, "active");
        break;
      case "ringing":
      case "session-info":
        expect(["proposed", "initiated", "active", "over"]).toContain(state as string);
        break;
      case "transport-info":
        expect(["initiated", "active", "over"]).toContain(state as string);
        break;
      case "reject":
      case "retract":
      case "accept":
      case "finish":
      case "session-terminate":
        this.states.set(sid, "over");
        break;
      default:
        throw new Error(`${this.client.jid} heard ${what} in ${state}`);
    }
  }

  #say(action: string, sid: string, ...contents: XmlElement[]): void {
    this.client.say(action, { sid, to: this.#peers.get(sid) ?? "" }, ...contents);
  }
}

test(
  `any history of four Jingle clients: each hears what its state allows, and no end is left (seed ${seed})`,
  () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 40, size: "max" }), (acts) => {
        const world = new SimJingle();
        const people = names.map((name) => new Person(world, name));
        for (const one of acts) {
          take(one);
          // What they say to what they hear is heard in turn.
          settle();
          const active = people.flatMap((person) => person.sids("active"));
          expect({ after: one, odd: active.length % 2 }).toEqual({ after: one, odd: 0 });
        }
        for (const person of people)
          for (const sid of person.sids("active", "initiated", "proceeded")) person.end(sid);
        settle();
        world.sim.pass(300_000);
        settle();
        expect(
          people.map((person) => person.sids("proposed", "ringing", "proceeded", "initiated", "active")),
        ).toEqual(names.map(() => []));
        expect(people.map(({ client }) => client.jingle.size)).toEqual(names.map(() => 0));
        expect(world.sim.core.stats()).toMatchObject({ sessionsActive: 0 });

        function settle(): void {
          for (let turn = 0; turn < 8; turn++) {
            world.sim.pass(5);
            for (const person of people) person.read();
          }
        }

        function take(step: Act): void {
          if (step.do === "pass") {
            world.sim.pass(step.ms);
            return;
          }
          const person = people[step.who]!;
          if (step.do === "call") {
            person.call(step.user);
            return;
          }
          const choices = {
            accept: person.sids("ringing"),
            reject: person.sids("ringing"),
            hangup: person.sids("proposed", "proceeded", "initiated", "active"),
            candidate: person.sids("initiated", "active"),
          }[step.do];
          const sid = choices[step.nth % Math.max(1, choices.length)];
          if (sid === undefined) return;
          if (step.do === "accept") person.accept(sid);
          else if (step.do === "candidate") person.candidate(sid);
          else person.end(sid);
        }
      }),
      { seed, numRuns: runs(60) },
    );
  },
  modelTimeout,
);
