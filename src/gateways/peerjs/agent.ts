import { parseAddress } from "../../protocol/address.ts";
import type { PushBody, PushOf } from "../../protocol/pushes.ts";
import { GatewayTraffic } from "../gateway-traffic.ts";
import { onlyDevice, type PeerClient } from "./client.ts";
import { Clients } from "./clients.ts";
import { Connection, clientKind } from "./connection.ts";
import {
  type ClientFrame,
  type ConnectionType,
  type Extra,
  type Notice,
  noticeText,
  parseFrame,
} from "./frames.ts";
import type { Flow, PeerjsContext } from "./peerjs-context.ts";
import { anyOfUser, type Credentials, type SignedIn, SignIn, type SignInPorts } from "./sign-in.ts";

/** What the gateway does with what its clients say, and tells them what the core says. Pure. */
export class PeerjsAgent {
  readonly traffic: GatewayTraffic<Flow>;
  readonly clients: Clients;
  readonly #context: PeerjsContext;
  readonly #signIn: SignIn;

  constructor(context: PeerjsContext, ports: SignInPorts) {
    this.#context = context;
    this.traffic = new GatewayTraffic(context.settings.limits);
    this.clients = new Clients(context, (client, push, now) => this.#pushed(client, push, now));
    this.#signIn = new SignIn(context, ports, this.traffic);
  }

  /** Connections of clients, media and data. */
  get connections(): number {
    let count = 0;
    for (const client of this.clients.all) count += client.connectionCount;
    return count;
  }

  /** A socket was opened, by who says to be that. */
  opened(flow: Flow, credentials: Credentials, now: number): void {
    this.traffic.opened(flow, now);
    const patience = this.#context.after(this.#context.settings.limits.signInTimeout, now, () => {
      if (flow.open) flow.close("not signed in");
    });
    this.#signIn.prove(credentials, flow, now, (result, later) => {
      if (!flow.open) return;
      const told = (notice: Notice): void => {
        patience.cancel();
        flow.send(noticeText(notice));
        if (notice === "OPEN") {
          this.clients.opened(flow);
          this.#context.entered?.(flow, credentials.id, credentials.token);
        } else flow.close("refused");
      };
      if (typeof result === "object" && "owner" in result) this.#enter(flow, result, later, told);
      else told(result);
    });
  }

  /** Lets a client in. Where nothing but its first token says whose an id is, the other nodes are asked first. */
  #enter(flow: Flow, signedIn: SignedIn, now: number, told: (notice: Notice) => void): void {
    const { identity, owner } = signedIn;
    const { ownersElsewhere } = this.#context;
    if (owner === anyOfUser || ownersElsewhere === undefined) {
      told(this.clients.enter(flow, signedIn, now));
      return;
    }
    const done = this.clients.entering(identity, owner);
    ownersElsewhere(identity.user, identity.device ?? onlyDevice, (owners, later) => {
      done();
      if (!flow.open) return;
      const isTaken = owners.some((one) => one !== owner);
      told(isTaken ? "ID-TAKEN" : this.clients.enter(flow, signedIn, later));
    });
  }

  closed(flow: Flow, now: number): void {
    this.traffic.closed(flow);
    this.clients.flowClosed(flow, now);
  }

  /** One message of a client. What makes no sense is ignored, as clients expect it; so is what comes before OPEN. */
  received(text: string, flow: Flow, now: number): void {
    const client = this.clients.of(flow);
    if (client === undefined) return;
    this.clients.heard(client, now);
    const frame = parseFrame(text);
    if (!frame.ok) this.traffic.count("malformed");
    else {
      this.traffic.count("taken");
      this.#take(client, frame.value, flow, now);
    }
  }

  #take(client: PeerClient, frame: ClientFrame, flow: Flow, now: number): void {
    switch (frame.kind) {
      case "offer":
        this.#offered(client, frame, flow, now);
        break;
      case "answer":
        client.connection(frame.dst, frame.connectionId)?.answer(frame.sdp, now);
        break;
      case "candidate":
        client.connection(frame.dst, frame.connectionId)?.trickled(frame.candidate, now);
        break;
      case "leave":
        if (frame.dst === undefined) {
          flow.close("left");
          this.clients.leave(client, now);
        } else for (const one of [...client.connections]) if (one.remote === frame.dst) one.left(now);
        break;
      default:
    }
  }

  #offered(
    client: PeerClient,
    { dst, connectionId, type, sdp, extra }: Extract<ClientFrame, { kind: "offer" }>,
    flow: Flow,
    now: number,
  ): void {
    // A client makes one offer for each connection.
    if (client.connection(dst, connectionId) !== undefined) return;
    const address = parseAddress(dst);
    const known = address?.kind === "user" || address?.kind === "device";
    const limited = known && this.traffic.overRate(flow, now) !== undefined;
    if (limited) this.traffic.count("limited");
    if (!known || limited || !this.#hasRoom(client, now)) {
      client.send("EXPIRE", dst);
      if (!client.knows(dst)) client.send("LEAVE", dst);
      return;
    }
    const connection = new Connection(this.#context, client, { remote: dst, id: connectionId, type }, true);
    client.add(connection);
    connection.call(dst, sdp, extra, now);
  }

  /**
   * Whether the client may have one more connection. Of those that nobody reports the end of, the oldest gives way: it is over long since,
   * or it goes on by itself.
   */
  #hasRoom(client: PeerClient, now: number): boolean {
    if (client.connectionCount < this.#context.settings.limits.connectionsPerClient) return true;
    for (const connection of client.connections)
      if (connection.unwatched) {
        connection.release(now);
        return true;
      }
    this.traffic.count("limited");
    return false;
  }

  #pushed(client: PeerClient, push: PushBody, now: number): void {
    if (push.type === "incoming") this.#rung(client, push, now);
    else if ("session" in push) {
      client.inSession(push.session)?.push(push, now);
      if (push.type === "ended") this.clients.connectionEnded(client, now);
    }
  }

  #rung(client: PeerClient, incoming: Omit<PushOf<"incoming">, "seq">, now: number): void {
    const { session, from } = incoming;
    const away = client.state === "suspended";
    if (away || !this.#hasRoom(client, now)) {
      const reason = away ? "incompatible" : "busy";
      client.ask("decline", { session, reason, automatic: true }, now);
      return;
    }
    const remote = from.user === client.user ? `${from.user}/${from.device}` : from.user;
    const { type, id, extra } = offerOf(incoming);
    const taken = id === undefined || client.connection(remote, id) !== undefined;
    const fresh = `${type === "media" ? "mc" : "dc"}_${this.#context.core.ports.random(9)}`;
    const named = { remote, id: taken ? fresh : id, type };
    const connection = new Connection(this.#context, client, named, false);
    client.add(connection);
    connection.ring(incoming, extra, now);
  }
}

/** How the offer of a ring is told: as it came where a client of PeerJS made it, and else as one would make it. */
function offerOf({ from, media, data }: Omit<PushOf<"incoming">, "seq">): {
  readonly type: ConnectionType;
  readonly id: string | undefined;
  readonly extra: Extra;
} {
  if (from.kind === clientKind && typeof data === "object" && data !== null && !Array.isArray(data)) {
    const extra = data as Extra;
    const { type, connectionId: id } = extra;
    if (typeof id === "string" && (type === "media" || type === "data")) return { type, id, extra };
  }
  const dataOnly = media?.data === true && media.audio !== true && media.video !== true;
  const metadata = data === undefined ? {} : { metadata: data };
  if (!dataOnly) return { type: "media", id: undefined, extra: metadata };
  // Native devices send text and bytes as they are.
  const extra = { ...metadata, label: "data", reliable: true, serialization: "raw" };
  return { type: "data", id: undefined, extra };
}
