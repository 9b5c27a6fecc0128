import { isId } from "../../protocol/address.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import { fail, ok, type Result } from "../../shared/result.ts";
import type { LinkEnd } from "../../signaling/device.ts";
import type { Identity } from "../../signaling/ports.ts";
import { type ClientKeeper, type ClientOutlet, XmppClient } from "./client.ts";
import type { StreamIdentity } from "./client-stream.ts";
import { jingleCapabilities } from "./jingle/ports.ts";
import type { StanzaCondition } from "./stanza.ts";
import type { XmppContext } from "./xmpp-context.ts";

/** The kind of these devices, as others see it. */
export const clientKind = "xmpp";

/** What is said of clients as they come and go. */
export interface ClientsUser {
  pushed(client: XmppClient, push: PushBody, now: number): void;
}

/** Which clients there are, and by which stream each is reached. */
export class Clients {
  readonly #context: XmppContext;
  readonly #keeper: ClientKeeper;
  /** By user, then by device. */
  readonly #clients = new Map<string, Map<string, XmppClient>>();
  /** By the id of stream management. */
  readonly #resumable = new Map<string, XmppClient>();
  #size = 0;

  constructor(context: XmppContext, user: ClientsUser) {
    this.#context = context;
    this.#keeper = {
      pushed: (client, push, now) => user.pushed(client, push, now),
      shut: (client, now) => this.#shut(client, now),
    };
  }

  get size(): number {
    return this.#size;
  }

  get all(): Iterable<XmppClient> {
    return [...this.#clients.values()].flatMap((those) => [...those.values()]);
  }

  /** The clients of a user at this node. */
  of(user: string): Iterable<XmppClient> {
    return this.#clients.get(user)?.values() ?? [];
  }

  /** A client signs in under a resource. Whoever had that before is disconnected. */
  enter(
    { identity, domain }: StreamIdentity,
    wanted: string | undefined,
    outlet: ClientOutlet,
    now: number,
  ): Result<XmppClient, StanzaCondition> {
    const resource = this.#resource(identity, wanted);
    if (this.#context.core.stale(identity, now, resource)) return fail("not-allowed");
    const before = this.#clients.get(identity.user)?.get(resource);
    if (before !== undefined) {
      before.outlet?.fail("conflict", now);
      this.remove(before, "replaced", now);
    }
    const client = new XmppClient(this.#context, this.#keeper, { identity, domain, resource });
    const attached = this.#attach(client, now);
    if (!attached.ok) return fail(attached.error.code === "wrong_state" ? "conflict" : "resource-constraint");
    const others = this.#clients.get(client.user);
    if (others === undefined) this.#clients.set(client.user, new Map([[resource, client]]));
    else others.set(resource, client);
    this.#size += 1;
    client.use(outlet);
    this.#expire(client, now);
    return ok(client);
  }

  /** The device that the credential names; else what the client wishes, where that can be a device; else one of its own. */
  #resource({ device }: Identity, wanted: string | undefined): string {
    if (device !== undefined) return device;
    return wanted !== undefined && isId(wanted) ? wanted : `xmpp-${this.#context.core.ports.random(6)}`;
  }

  #attach(client: XmppClient, now: number) {
    const { user, resource: id, identity, proposes } = client;
    return this.#context.core.attach(
      {
        user,
        id,
        kind: clientKind,
        name: undefined,
        capabilities: jingleCapabilities({ messageInitiation: proposes }),
        link: client,
        grants: identity.grants,
        ...(identity.guest === undefined ? {} : { guest: identity.guest }),
      },
      now,
      (device) => client.attached(device),
    );
  }

  /**
   * It is known what the client can do. One that rings without an offer is signed in anew, unless it is in a call already. True when it
   * was.
   */
  known(client: XmppClient, now: number): boolean {
    const { device, proposes, calls } = client;
    if (!proposes || calls.size > 0 || device?.capabilities.needsOffer !== true) return false;
    this.#context.core.detach(device, "renewed", now);
    if (this.#attach(client, now).ok) return true;
    client.outlet?.fail("internal-server-error", now);
    this.remove(client, "replaced", now);
    return false;
  }

  #expire(client: XmppClient, now: number): void {
    client.expiry?.cancel();
    client.expiry = this.#context.after(client.identity.expires - now, now, (later) => {
      client.outlet?.fail("not-authorized", later);
      this.remove(client, "expired", later);
    });
  }

  /** The client's stream can be resumed by this id. */
  keep(client: XmppClient, id: string): void {
    this.#resumable.set(id, client);
  }

  resumable({ identity, domain }: StreamIdentity, id: string): XmppClient | undefined {
    const client = this.#resumable.get(id);
    if (client === undefined || client.user !== identity.user || client.domain !== domain) return undefined;
    return identity.device === undefined || identity.device === client.resource ? client : undefined;
  }

  resumed(client: XmppClient, outlet: ClientOutlet, { identity }: StreamIdentity, now: number): void {
    const before = client.outlet;
    client.use(outlet);
    before?.fail("conflict", now);
    client.grace?.cancel();
    client.grace = undefined;
    client.identity = identity;
    this.#expire(client, now);
    if (client.device !== undefined) client.device.grants = identity.grants;
    if (client.state !== "suspended") return;
    client.state = "live";
    if (client.device !== undefined) this.#context.core.resume(client.device, now);
  }

  /** The client's stream is gone, and it did not say that it leaves. */
  lost(client: XmppClient, outlet: ClientOutlet, now: number): void {
    if (client.outlet !== outlet) return;
    client.use(undefined);
    if (client.management?.id === undefined) {
      this.remove(client, "client", now);
      return;
    }
    client.state = "suspended";
    if (client.device !== undefined) this.#context.core.suspend(client.device, now);
    const { resumeTimeout } = this.#context.settings.limits;
    client.grace = this.#context.after(resumeTimeout, now, (later) => this.remove(client, "expired", later));
  }

  #shut(client: XmppClient, now: number): void {
    client.outlet?.fail("policy-violation", now);
    this.remove(client, "kicked", now);
  }

  remove(client: XmppClient, why: LinkEnd, now: number): void {
    const those = this.#clients.get(client.user);
    if (those?.get(client.resource) !== client) return;
    those.delete(client.resource);
    if (those.size === 0) this.#clients.delete(client.user);
    this.#size -= 1;
    const id = client.management?.id;
    if (id !== undefined) this.#resumable.delete(id);
    client.end();
    if (client.device !== undefined) this.#context.core.detach(client.device, why, now);
  }
}
