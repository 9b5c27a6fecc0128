import type { XmppClient } from "./client.ts";
import { discoInfo } from "./disco.ts";
import { iceServices } from "./ice-services.ts";
import { namespaces } from "./namespaces.ts";
import { iqResult, type StanzaCondition, stanzaError } from "./stanza.ts";
import { child, element, elements, type XmlElement } from "./xml.ts";
import type { XmppContext } from "./xmpp-context.ts";

/** Whom an iq asks: the server, the client's own account, or somebody's device. */
export type Asked = "server" | "account" | "device";

/** What an iq comes to: an answer without or with a payload, or a refusal. */
type Answer = XmlElement | StanzaCondition | "done";

/** Answers a request that the server answers itself. */
export function answerQuery(
  context: XmppContext,
  client: XmppClient,
  iq: XmlElement,
  payload: XmlElement,
  asked: Asked,
  now: number,
): void {
  const answer =
    asked === "device"
      ? ofDevice(iq, payload)
      : (ofEither(iq, payload, asked) ?? ofAccount(context, client, iq, payload, now));
  if (typeof answer === "object") client.send(iqResult(iq, answer), now);
  else client.send(answer === "done" ? iqResult(iq) : stanzaError(iq, answer), now);
}

function ofDevice(iq: XmlElement, payload: XmlElement): Answer {
  return ofEither(iq, payload, "device") ?? "service-unavailable";
}

function ofEither(
  { attributes }: XmlElement,
  { name, ns, attributes: given }: XmlElement,
  asked: Asked,
): Answer | undefined {
  if (attributes.type !== "get" || name !== "query") return undefined;
  if (ns === namespaces.discoInfo) return discoInfo(asked, given.node);
  return ns === namespaces.discoItems ? element("query", ns, { node: given.node }) : undefined;
}

function ofAccount(
  context: XmppContext,
  client: XmppClient,
  iq: XmlElement,
  payload: XmlElement,
  now: number,
): Answer {
  const isSet = iq.attributes.type === "set";
  switch (`${payload.ns} ${payload.name}`) {
    case `${namespaces.ping} ping`:
    case `${namespaces.session} session`:
      return "done";
    case `${namespaces.roster} query`: {
      if (!isSet) return client.contacts.query();
      const [item, ...more] = elements(payload);
      if (item === undefined || item.name !== "item" || more.length > 0) return "bad-request";
      return client.contacts.set(item, now) ? "done" : "not-acceptable";
    }
    case `${namespaces.carbons} enable`:
    case `${namespaces.carbons} disable`:
      client.carbons = payload.name === "enable";
      return "done";
    case `${namespaces.extdisco} services`:
      return element(
        "services",
        namespaces.extdisco,
        { type: payload.attributes.type },
        ...services(context, client, payload.attributes.type, now),
      );
    case `${namespaces.extdisco} credentials`:
      return credentials(context, client, payload, now);
    case `${namespaces.version} query`:
      return element(
        "query",
        namespaces.version,
        {},
        element("name", namespaces.version, {}, "Switchboard"),
        element("version", namespaces.version, {}, context.version),
      );
    case `${namespaces.vcard} vCard`:
      return isSet ? "not-allowed" : element("vCard", namespaces.vcard);
    case `${namespaces.bind} bind`:
      return "not-allowed";
    default:
      return "service-unavailable";
  }
}

function services(
  { core, dateTime }: XmppContext,
  client: XmppClient,
  type: string | undefined,
  now: number,
): XmlElement[] {
  const { device } = client;
  if (device === undefined) return [];
  const { servers, renewAt } = core.ports.iceServers(device, now);
  return iceServices(
    servers,
    type,
    renewAt === undefined ? undefined : dateTime(renewAt + core.ports.wallAhead()),
  );
}

/** The credentials of the services of that host (XEP-0215 §4). */
function credentials(context: XmppContext, client: XmppClient, payload: XmlElement, now: number): Answer {
  const wanted = child(payload, "service")?.attributes ?? {};
  const found = services(context, client, wanted.type, now).filter(
    ({ attributes }) =>
      attributes.username !== undefined &&
      attributes.host === wanted.host &&
      (wanted.port === undefined || attributes.port === wanted.port),
  );
  if (found.length === 0) return "item-not-found";
  return element("credentials", namespaces.extdisco, {}, ...found);
}
