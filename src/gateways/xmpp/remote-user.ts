import type { CloseName } from "../../protocol/close-codes.ts";
import type { PushBody } from "../../protocol/pushes.ts";
import type { RequestOf, RequestType } from "../../protocol/requests.ts";
import type { Device, DeviceLink, Outcome } from "../../signaling/device.ts";
import type { Identity } from "../../signaling/ports.ts";
import { LinkRequests } from "../link-requests.ts";
import { Contacts } from "./contacts.ts";
import { addressOf, jidOf, parseJid } from "./jid.ts";
import { JingleClient } from "./jingle/client.ts";
import { jingleWords } from "./jingle-words.ts";
import { messageOf } from "./messages.ts";
import type { XmlElement } from "./xml.ts";
import type { XmppContext } from "./xmpp-context.ts";

/** The device of every user of another server: which of its clients rings, that server knows. */
export const remoteDevice = "xmpp";

/** The resource of ours that a user whose device may not be seen calls from. */
const hiddenDevice = "call";

/** What a user of another server needs of the component. */
export interface RemoteKeeper {
  /** Our domain at that server. */
  readonly domain: string;
  send(stanza: XmlElement): void;
  /** The server ended the user's link. */
  shut(user: RemoteUser, now: number): void;
}

/** A user of another XMPP server: one device here, which rings by XEP-0353 at all of the user's clients there. */
export class RemoteUser implements DeviceLink {
  readonly id: string;
  /** The bare JID, which is the user's id here as well. */
  readonly user: string;
  readonly jid: string;
  readonly bareJid: string;
  readonly domain: string;
  readonly identity: Identity;
  state: "live" | "suspended" | "closed" = "live";
  available = true;
  readonly contacts: Contacts;
  readonly calls: JingleClient;
  readonly #context: XmppContext;
  readonly #keeper: RemoteKeeper;
  readonly #requests: LinkRequests;

  constructor(context: XmppContext, keeper: RemoteKeeper, identity: Identity) {
    this.id = `xmpp_${context.core.ports.random(9)}`;
    this.user = identity.user;
    this.jid = identity.user;
    this.bareJid = identity.user;
    this.domain = keeper.domain;
    this.identity = identity;
    this.#context = context;
    this.#keeper = keeper;
    this.#requests = new LinkRequests(context);
    this.contacts = new Contacts(context, this);
    this.calls = new JingleClient(
      {
        random: (bytes) => context.core.ports.random(bytes),
        after: (ms, now, due) => context.after(ms, now, due),
        ask: (type, fields, now, done) => this.ask(type, fields, now, done),
        send: (stanza) => keeper.send(stanza),
        words: () => jingleWords(context.core, () => this.device),
      },
      {
        jid: this.jid,
        jidOf: (user, device) => jidOf(keeper.domain, user, device ?? hiddenDevice),
        addressOf: (jid) => addressOf(parseJid(jid), keeper.domain),
        messageInitiation: true,
        dataChannels: false,
        mostSessions: context.settings.limits.sessionsPerClient,
      },
    );
  }

  get device(): Device | undefined {
    return this.#requests.device;
  }

  attached(device: Device): void {
    this.#requests.attached(device);
  }

  end(): void {
    this.state = "closed";
    this.calls.gone();
    this.#requests.close();
  }

  send(stanza: XmlElement): void {
    this.#keeper.send(stanza);
  }

  /** A component pushes no rosters: those of its users are their own server's. */
  query(): void {}

  ask<T extends RequestType>(
    type: T,
    fields: Omit<RequestOf<T>, "id" | "type">,
    now: number,
    done?: (outcome: Outcome, now: number) => void,
  ): void {
    this.#requests.ask(type, fields, now, done);
  }

  deliver(push: PushBody, now: number): void {
    this.#requests.afterwards(now, (later) => this.#pushed(push, later));
  }

  reply(id: number, outcome: Outcome, now: number): void {
    this.#requests.reply(id, outcome, now);
  }

  close(_why: CloseName, now: number): void {
    if (this.state !== "closed") this.#requests.afterwards(now, (later) => this.#keeper.shut(this, later));
  }

  #pushed(push: PushBody, now: number): void {
    if (push.type === "presence") this.contacts.told(push, now);
    else if (push.type === "message") this.send(messageOf(this.#context, this, push));
    else {
      this.calls.push(push, now);
      if (push.type === "ended") this.contacts.callEnded(now);
    }
  }
}
