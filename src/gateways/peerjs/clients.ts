import type { PushBody } from "../../protocol/pushes.ts";
import type { Deadline } from "../../shared/deadlines.ts";
import type { LinkEnd } from "../../signaling/device.ts";
import { type ClientKeeper, clientCapabilities, onlyDevice, PeerClient } from "./client.ts";
import { clientKind } from "./connection.ts";
import type { Notice } from "./frames.ts";
import type { Flow, PeerjsContext } from "./peerjs-context.ts";
import type { SignedIn } from "./sign-in.ts";

/** How often clients are looked over: which are silent, and whose token has ended. ms */
const sweepEvery = 1_000;

/** Which clients there are, and by which socket each is reached. */
export class Clients {
  readonly #context: PeerjsContext;
  readonly #keeper: ClientKeeper;
  /** By user and device. */
  readonly #clients = new Map<string, PeerClient>();
  readonly #flows = new Map<Flow, PeerClient>();
  /** Clients that other nodes are being asked about, each with the owners that want to be let in. */
  readonly #entering = new Map<string, string[]>();
  /** The next look at all clients; undefined while there is none. */
  #sweep: Deadline | undefined;

  constructor(context: PeerjsContext, pushed: (client: PeerClient, push: PushBody, now: number) => void) {
    this.#context = context;
    this.#keeper = { pushed, shut: (client, now) => this.#shut(client, now) };
  }

  get size(): number {
    return this.#clients.size;
  }

  get all(): Iterable<PeerClient> {
    return this.#clients.values();
  }

  /** The client of that socket. */
  of(flow: Flow): PeerClient | undefined {
    return this.#flows.get(flow);
  }

  /** Whose that client is, or wants to become: another node asks. */
  ownerOf(user: string, device: string): string | undefined {
    const key = keyOf(user, device);
    return this.#clients.get(key)?.owner ?? this.#entering.get(key)?.[0];
  }

  /** Somebody is about to enter. Of two who try at two nodes at once with two tokens neither gets in. Call the answer when it is over. */
  entering({ user, device = onlyDevice }: SignedIn["identity"], owner: string): () => void {
    const key = keyOf(user, device);
    const waiting = this.#entering.get(key) ?? [];
    waiting.push(owner);
    this.#entering.set(key, waiting);
    return () => {
      waiting.splice(waiting.indexOf(owner), 1);
      if (waiting.length === 0) this.#entering.delete(key);
    };
  }

  /** Signs a client in by this socket, which takes the place of the one it had. What the client is to be told. */
  enter(flow: Flow, { identity, owner }: SignedIn, now: number): Notice {
    const { user, device: id = onlyDevice } = identity;
    const known = this.#clients.get(keyOf(user, id));
    if (known !== undefined && known.owner !== owner) return "ID-TAKEN";
    let client = known;
    if (client === undefined) {
      const made = new PeerClient(this.#context, this.#keeper, { user, owner }, now);
      const attached = this.#context.core.attach(
        {
          user,
          id,
          kind: clientKind,
          name: undefined,
          capabilities: clientCapabilities,
          link: made,
          grants: identity.grants,
          ...(identity.guest === undefined ? {} : { guest: identity.guest }),
        },
        now,
        (device) => made.attached(device),
      );
      if (!attached.ok) {
        if (attached.error.code === "wrong_state") return "ID-TAKEN";
        return { error: attached.error.message };
      }
      client = made;
      this.#clients.set(keyOf(user, id), client);
      this.#sweep ??= this.#sweepAfter(now);
    }
    this.#reach(client, flow, now);
    if (client.device !== undefined) client.device.grants = identity.grants;
    client.expires = identity.expires;
    return "OPEN";
  }

  /** Says OPEN, and what has waited. */
  opened(flow: Flow): void {
    this.#flows.get(flow)?.use(flow);
  }

  #reach(client: PeerClient, flow: Flow, now: number): void {
    const before = client.flow;
    client.heardAt = now;
    client.grace?.cancel();
    client.grace = undefined;
    client.use(undefined);
    this.#flows.set(flow, client);
    if (before !== undefined && before !== flow) {
      this.#flows.delete(before);
      before.close("the client has another connection");
    }
    if (client.state !== "suspended") return;
    client.state = "live";
    if (client.device !== undefined) this.#context.core.resume(client.device, now);
  }

  /** The client leaves for good, as it says. */
  leave(client: PeerClient, now: number): void {
    this.#remove(client, "client", now);
  }

  /**
   * The socket is closed: the client was cut off, or has left on purpose. Without a connection so is the client gone. With one it stays until
   * that is over, for media goes on.
   */
  flowClosed(flow: Flow, now: number): void {
    const client = this.#flows.get(flow);
    this.#flows.delete(flow);
    if (client === undefined || (client.flow !== flow && client.flow !== undefined)) return;
    client.use(undefined);
    if (client.connectionCount === 0) {
      this.#remove(client, "client", now);
      return;
    }
    client.state = "suspended";
    if (client.device !== undefined) this.#context.core.suspend(client.device, now);
    const { graceTimeout } = this.#context.settings.limits;
    client.grace = this.#context.after(graceTimeout, now, (later) => this.#stayedAway(client, later));
  }

  /** Nobody waits any longer for connections that are not up, or of which no end will say that they are over. */
  #stayedAway(client: PeerClient, now: number): void {
    client.grace = undefined;
    for (const connection of [...client.connections])
      if (!connection.active || connection.unwatched) connection.release(now);
    this.connectionEnded(client, now);
  }

  /** One of its connections is over. */
  connectionEnded(client: PeerClient, now: number): void {
    if (client.state === "suspended" && client.connectionCount === 0) this.#remove(client, "client", now);
  }

  /** The client said something. */
  heard(client: PeerClient, now: number): void {
    client.heardAt = now;
  }

  #sweepAfter(now: number): Deadline {
    return this.#context.after(sweepEvery, now, (later) => this.#lookOver(later));
  }

  /** Once a second: a loop over all clients costs less than timers for each. */
  #lookOver(now: number): void {
    this.#sweep = this.size === 0 ? undefined : this.#sweepAfter(now);
    const { aliveTimeout } = this.#context.settings.limits;
    for (const client of this.#clients.values())
      if (client.expires <= now) {
        client.flow?.close("token expired");
        this.#remove(client, "expired", now);
      } else if (now - client.heardAt >= aliveTimeout) client.flow?.close("silent");
  }

  #shut(client: PeerClient, now: number): void {
    client.flow?.close("signed out");
    this.#remove(client, "kicked", now);
  }

  #remove(client: PeerClient, why: LinkEnd, now: number): void {
    const key = keyOf(client.user, client.device?.id ?? "");
    if (this.#clients.get(key) !== client) return;
    this.#clients.delete(key);
    client.grace?.cancel();
    for (const connection of [...client.connections]) connection.hangUp(now);
    client.state = "closed";
    if (client.flow !== undefined) this.#flows.delete(client.flow);
    client.use(undefined);
    if (client.device !== undefined) this.#context.core.detach(client.device, why, now);
  }
}

function keyOf(user: string, device: string): string {
  return `${user}/${device}`;
}
