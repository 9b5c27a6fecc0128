import { namespaces as jingle } from "./jingle/namespaces.ts";
import { namespaces } from "./namespaces.ts";
import type { SaslCrypto } from "./scram.ts";
import { element, type XmlElement } from "./xml.ts";

/** What somebody is asked for by `disco#info`: an identity and features (XEP-0030). */
interface Entity {
  readonly category: string;
  readonly type: string;
  readonly name: string;
  readonly features: readonly string[];
}

const rtpApps = "urn:xmpp:jingle:apps:rtp";
const node = "urn:switchboard";

const server: Entity = {
  category: "server",
  type: "im",
  name: "Switchboard",
  features: [
    namespaces.discoInfo,
    namespaces.discoItems,
    namespaces.ping,
    namespaces.carbons,
    namespaces.extdisco,
    namespaces.version,
    namespaces.roster,
    namespaces.caps,
  ],
};

const component: Entity = {
  category: "component",
  type: "generic",
  name: "Switchboard",
  features: [namespaces.discoInfo, namespaces.discoItems, namespaces.ping],
};

const account: Entity = {
  category: "account",
  type: "registered",
  name: "",
  features: [namespaces.discoInfo, namespaces.discoItems],
};

/** Every device, as far as others know: calls to it go through this server, which speaks for it. */
const device: Entity = {
  category: "client",
  type: "phone",
  name: "Switchboard",
  features: [
    namespaces.discoInfo,
    namespaces.caps,
    namespaces.json,
    jingle.jingle,
    jingle.rtp,
    `${rtpApps}:audio`,
    `${rtpApps}:video`,
    jingle.iceUdp,
    jingle.feedback,
    jingle.headerExtensions,
    jingle.dtls,
    jingle.grouping,
    jingle.sources,
    jingle.sctp,
    jingle.message,
    "urn:ietf:rfc:5576",
    "urn:ietf:rfc:5888",
  ],
};

const entities = { server, component, account, device };

/** The answer to `disco#info`. `asked`: the node of the question, which the answer repeats. */
export function discoInfo(of: keyof typeof entities, asked: string | undefined): XmlElement {
  const { category, type, name, features } = entities[of];
  return element(
    "query",
    namespaces.discoInfo,
    { node: asked },
    element("identity", namespaces.discoInfo, { category, type, name: name === "" ? undefined : name }),
    ...[...features].sort().map((one) => element("feature", namespaces.discoInfo, { var: one })),
  );
}

/** What stands in the presence of every device, so that clients need not ask each of them (XEP-0115 §4). */
export function capsOf({ hash, toBase64 }: SaslCrypto): XmlElement {
  const { category, type, name, features } = device;
  const text = `${category}/${type}//${name}<${[...features]
    .sort()
    .map((one) => `${one}<`)
    .join("")}`;
  const bytes = Uint8Array.from(text, (one) => one.charCodeAt(0));
  return element("c", namespaces.caps, { hash: "sha-1", node, ver: toBase64(hash("SHA-1", bytes)) });
}
