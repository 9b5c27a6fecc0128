import { type CloseName, closeCodes } from "../../protocol/close-codes.ts";
import type { Hello, Welcome } from "../../protocol/handshake.ts";
import { Device } from "../device.ts";
import type { DeviceLifecycle } from "../device-lifecycle.ts";
import type { Directory } from "../directory.ts";
import type { Elsewhere, Places } from "../elsewhere.ts";
import type { Identity, Ports, Transport } from "../ports.ts";
import { openTickets, type Ticket } from "../session/tickets.ts";
import type { Links } from "./links.ts";
import { type LinkEntry, NativeLink } from "./native-link.ts";
import { noSessions, Welcomes } from "./welcome.ts";

export interface SignInOptions {
  readonly node: string;
  readonly ports: Ports;
  readonly directory: Directory;
  readonly lifecycle: DeviceLifecycle;
  readonly links: Links;
  readonly elsewhere: Elsewhere;
  /** What the server offers now. */
  readonly features: () => string[];
}

/** What becomes of a hello: the link that the transport speaks for, or the close that it gets. */
export type Admission =
  | { readonly link: NativeLink }
  | { readonly close: CloseName; readonly reason?: string };

/** Who signs in. */
export interface Newcomer {
  readonly transport: Transport;
  readonly hello: Hello;
  readonly identity: Identity;
  /** False once its transport is gone. */
  waits(): boolean;
}

/** What a hello brings beside itself: why it can't go on with its link, and the tickets of sessions. */
interface Brought {
  readonly refusal: Welcome["reason"];
  readonly tickets: readonly Ticket[];
  /** Undefined: nobody was asked where its sessions are. */
  readonly places: Places | undefined;
}

/** How long a welcome waits for nodes that may hold the user's devices. ms */
const knowWithin = 400;

/** What becomes of a hello: its client goes on with a link, or has a new one, or is sent away. */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #links: Links;
  readonly #welcomes: Welcomes;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#links = options.links;
    this.#welcomes = new Welcomes(options.node, options.links.limits, options.ports, options.features);
  }

  /**
   * Decides what becomes of a verified hello, by the link's state table, and calls back when it is decided:
   * at once, unless another node has to be asked for the link. Whoever has gone by then gets none, for another hello of
   * the same device may have got one meanwhile; and is not called back.
   */
  admit(newcomer: Newcomer, now: number, done: (admission: Admission, now: number) => void): void {
    const { hello, identity } = newcomer;
    const { resume } = hello;
    const { elsewhere, node } = this.#options;
    const away = resume?.home !== undefined && resume.home !== node;
    const refusal = resume === undefined ? undefined : away ? "unreachable" : "expired";
    const known = resume !== undefined && this.#links.get(resume.link) !== undefined;
    const tickets = openTickets(this.#options.ports, hello.sessions, identity.user, now);
    const decide = (places: Places | undefined, later: number, why: Welcome["reason"] = refusal): void => {
      if (newcomer.waits()) done(this.#decide(newcomer, { refusal: why, tickets, places }, later), later);
    };
    if (known) decide(undefined, now);
    // Another node may hold the same device, and a newer run of it than this one; and others the sessions of its tickets.
    else
      elsewhere.know(
        identity.user,
        (_complete, later) =>
          this.#bring(newcomer, later, done, (why) =>
            elsewhere.find(tickets, (places, then) => decide(places, then, why)),
          ),
        knowWithin,
      );
  }

  /** Has the link of the hello brought here by the node that holds it; `otherwise` where it does not come. */
  #bring(
    newcomer: Newcomer,
    now: number,
    done: (admission: Admission, now: number) => void,
    otherwise: (refusal?: Welcome["reason"]) => void,
  ): void {
    const { hello, identity } = newcomer;
    const { resume } = hello;
    if (!newcomer.waits()) return;
    const device = identity.device ?? hello.device?.id;
    const node = resume?.home;
    if (resume === undefined || device === undefined || node === undefined || node === this.#options.node) {
      otherwise();
      return;
    }
    const unfit = this.#unfit(newcomer, now);
    if (unfit !== undefined) {
      done(unfit, now);
      return;
    }
    const wanted = { node, device, hello: { ...hello, resume }, identity };
    this.#options.elsewhere.resume(wanted, (arrival, later) => {
      if ("close" in arrival) done({ close: arrival.close }, later);
      else if ("refusal" in arrival) otherwise(arrival.refusal);
      // What came for it on the way was more than its log could hold.
      else if (!arrival.entry.link.log.reaches(resume.seq)) otherwise("gap");
      else {
        const { entry, rival } = arrival;
        this.#resume(entry, newcomer, resume.seq, later);
        if (rival !== undefined) this.#settle(entry.device, rival, later);
        done({ link: entry.link }, later);
      }
    });
  }

  /** Of two runs of a device the later one stays. */
  #settle(device: Device, rival: Device, now: number): void {
    if (rival.stamp > device.stamp) this.#links.displace(device, "replaced", now);
    else if (rival.node === undefined) this.#links.displace(rival, "replaced", now);
    else {
      this.#options.elsewhere.displaced(rival);
      this.#options.lifecycle.closed(rival, "replaced", now);
    }
  }

  #decide(newcomer: Newcomer, brought: Brought, now: number): Admission {
    const { hello, identity } = newcomer;
    const unfit = this.#unfit(newcomer, now);
    if (unfit !== undefined) return unfit;
    const id = identity.device ?? hello.device?.id ?? `d_${this.#options.ports.random(9)}`;
    const { resume } = hello;
    const entry = resume === undefined ? undefined : this.#links.get(resume.link);
    if (entry === undefined || resume === undefined) return this.#open(newcomer, id, brought, now);
    const { link, device } = entry;
    const refused = (refusal: Welcome["reason"]) => this.#open(newcomer, id, { ...brought, refusal }, now);
    const presented = this.#options.ports.hash(resume.secret);
    if (
      device.user !== identity.user ||
      device.id !== id ||
      (presented !== link.secretHash && presented !== link.formerSecretHash)
    )
      return { close: "badResume" };
    // A duplicated tab brings the secret of the tab that it was copied from: it is another instance.
    if (link.instance !== hello.instance) return refused("expired");
    if (hello.attempt <= link.attempt) return { close: "stale" };
    if (!link.log.reaches(resume.seq)) return refused("gap");
    link.formerSecretHash = presented;
    this.#resume(entry, newcomer, resume.seq, now);
    return { link };
  }

  /** What makes any hello with this token useless. */
  #unfit({ hello, identity }: Newcomer, now: number): Admission | undefined {
    const wanted = hello.device?.id;
    if (identity.device !== undefined && wanted !== undefined && wanted !== identity.device)
      return { close: "forbidden", reason: "the token is for another device" };
    if (this.#links.stale(identity, identity.device ?? wanted, now))
      return { close: "unauthorized", reason: "token_expired" };
    return undefined;
  }

  #resume(entry: LinkEntry, { transport, hello, identity }: Newcomer, seq: number, now: number): void {
    const { link, device } = entry;
    link.attempt = hello.attempt;
    this.#links.attach(link, transport);
    link.lastHeard = now;
    link.acknowledged(seq);
    this.#links.authorize(entry, identity);
    this.#welcomes.send(entry, true, undefined, noSessions, now);
    const replayed = link.replay(seq, now);
    const { ports, lifecycle } = this.#options;
    ports.emit({ type: "link_resumed", user: device.user, device: device.id, link: link.id, replayed });
    if (!device.online) this.#links.setOnline(device, true, now);
    lifecycle.resumed(device, now);
  }

  #open(
    { transport, hello, identity }: Newcomer,
    id: string,
    { refusal, tickets: all, places }: Brought,
    now: number,
  ): Admission {
    const tickets = all.filter((ticket) => ticket.device === id);
    const { directory, lifecycle, ports, elsewhere } = this.#options;
    const { limits } = this.#links;
    const old = directory.device(identity.user, id);
    const oldLink = old === undefined || !isDisplaceable(old) ? undefined : old.link;
    // Later than the run that it displaces, whatever the clocks say.
    const stamp = Math.max(elsewhere.time(now), (old?.stamp ?? 0) + 1);
    if (oldLink !== undefined) {
      const same = oldLink.instance === hello.instance;
      if (same && hello.attempt <= (oldLink.attempt ?? 0)) return { close: "stale" };
      // A refused resume of an instance that was displaced meanwhile must not displace the newer one.
      if (!same && refusal !== undefined && hello.resume?.link !== oldLink.id)
        return { close: this.#isUnsure(hello, refusal) ? "away" : "replaced" };
    } else if (!this.#links.makeRoom(identity.user, now))
      return { close: "overloaded", reason: "too_many_devices" };
    if (refusal !== undefined) ports.emit({ type: "resume_refused", reason: refusal });
    if (this.#links.size >= limits.links && oldLink === undefined) {
      ports.emit({ type: "limit", limit: "links" });
      return { close: "overloaded" };
    }
    const link = new NativeLink(
      `l_${ports.random(12)}`,
      identity.user,
      hello.instance,
      hello.attempt,
      this.#links,
      now,
    );
    const device = new Device({
      user: identity.user,
      id,
      kind: hello.device?.kind ?? "browser",
      name: hello.device?.name,
      capabilities: hello.device?.capabilities ?? noCapabilities,
      link,
      grants: identity.grants,
      guest: identity.guest ?? false,
    });
    device.stamp = stamp;
    const home = old?.node ?? hello.resume?.home;
    if (home !== this.#options.node) device.cameFrom = home;
    const entry = { link, device };
    if (oldLink instanceof NativeLink && old !== undefined) this.#displace(oldLink, old, hello.instance);
    else if (old?.node !== undefined) elsewhere.displaced(old);
    this.#links.add(entry);
    directory.add(device);
    this.#links.attach(link, transport);
    this.#links.authorize(entry, identity);
    const found = lifecycle.recover(device, tickets, places, now);
    if (oldLink !== undefined && old !== undefined) {
      const reason = oldLink.instance === hello.instance ? "renewed" : "replaced";
      ports.emit({ type: "link_closed", user: old.user, device: old.id, reason });
      lifecycle.closed(old, reason, now);
    }
    this.#welcomes.send(entry, false, refusal, found, now);
    // What its sessions have told it while they were found again.
    link.replay(0, now);
    ports.emit({ type: "link_opened", user: device.user, device: device.id, link: link.id });
    lifecycle.changed(device.user, now);
    lifecycle.opened(device, now);
    return { link };
  }

  /** The node that had the link of this instance does not answer now: whether it is the newer one is not known here. */
  #isUnsure({ resume }: Hello, refusal: Welcome["reason"]): boolean {
    return refusal === "unreachable" && this.#options.elsewhere.isLive(resume?.home ?? "");
  }

  /** Takes the older link of a device out of the way; its sessions are seen to once the newer one is there. */
  #displace(link: NativeLink, device: Device, instance: string): void {
    const { code, text } = link.instance === instance ? closeCodes.stale : closeCodes.replaced;
    link.transport?.close(code, text);
    this.#links.forget(link, device);
  }
}

const noCapabilities = {};

/** A device that another one of the same id displaces: a native one, or one of another node. */
function isDisplaceable({ link, node }: Device): boolean {
  return link instanceof NativeLink || node !== undefined;
}
