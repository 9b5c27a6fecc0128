import type { Deadline } from "../../shared/deadlines.ts";
import type { GatewayPort } from "../../signaling/gateway-port.ts";
import type { Identity } from "../../signaling/ports.ts";
import type { SaslCrypto, ScramName } from "./scram.ts";
import type { Mechanism, XmppSettings } from "./settings.ts";
import type { XmlElement } from "./xml.ts";

/** A connection of a client, for the pure parts. */
export interface Flow {
  /** The client's address. */
  readonly address: string;
  readonly open: boolean;
  /** Sends one element, which is a message of its own. Does nothing once the flow is closed. */
  send(text: string): void;
  close(reason: string): void;
}

/** Whom a login of a device secret stands for. */
export interface Account {
  readonly identity: Identity;
  /** `iterations:salt:StoredKey:ServerKey`; undefined where the login has none. */
  scram(name: ScramName): string | undefined;
  /** True when this is the secret. */
  matches(secret: string): boolean;
}

/** What every part of the gateway needs. */
export interface XmppContext {
  readonly core: GatewayPort;
  readonly settings: XmppSettings;
  readonly crypto: SaslCrypto;
  /** A secret of this run, for the salts of logins that there are not. */
  readonly saltKey: Uint8Array;
  /** Offered to clients, the preferred one first. */
  readonly mechanisms: readonly Mechanism[];
  /** What stands in the presence of every device (XEP-0115). */
  readonly caps: XmlElement;
  /** The server's version, for those who ask (XEP-0092). */
  readonly version: string;
  /** The account of `alice` or `alice/desk`; undefined for nobody. */
  identify(login: string, now: number): Account | undefined;
  /** A time, Unix ms, as XMPP writes it (XEP-0082). */
  dateTime(at: number): string;
  /** Calls `due` once, this many ms after `now`. */
  after(ms: number, now: number, due: (now: number) => void): Deadline;
}
