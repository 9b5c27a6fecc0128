/** An XML element. Immutable: a part that changes one makes another. */
export interface XmlElement {
  /** The local name, without a prefix. */
  readonly name: string;
  /** The namespace; empty for none. */
  readonly ns: string;
  /** By name. `xml:lang` keeps its prefix; attributes of other namespaces, and the declarations of namespaces, are left out. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Elements and texts in their order. No two texts follow each other, and none is empty. */
  readonly children: readonly (XmlElement | string)[];
}

/** A stanza's own namespace on a client's stream, and the one of streams (RFC 6120 §4.8). */
export const clientNs = "jabber:client";
export const streamNs = "http://etherx.jabber.org/streams";

/** Makes an element. Attributes and children that are undefined are left out. */
export function element(
  name: string,
  ns: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly (XmlElement | string | undefined)[]
): XmlElement {
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) given[key] = value;
  return {
    name,
    ns,
    attributes: given,
    children: children.filter((one) => one !== undefined && one !== "") as XmlElement["children"],
  };
}

/** The first child element of that name. Without a namespace it is looked for in the parent's. */
export function child(of: XmlElement, name: string, ns: string = of.ns): XmlElement | undefined {
  for (const one of of.children)
    if (typeof one !== "string" && one.name === name && one.ns === ns) return one;
  return undefined;
}

/** All child elements of that name. Without a namespace they are looked for in the parent's. */
export function children(of: XmlElement, name: string, ns: string = of.ns): XmlElement[] {
  return elements(of).filter((one) => one.name === name && one.ns === ns);
}

/** All child elements. */
export function elements(of: XmlElement): XmlElement[] {
  return of.children.filter((one) => typeof one !== "string");
}

/** The text of an element, without that of its child elements. */
export function text(of: XmlElement): string {
  return of.children.filter((one) => typeof one === "string").join("");
}

/**
 * An element as text. `inherited` is the namespace that applies where it is written. Elements of the stream's namespace get the prefix
 * `stream`, which some clients ask for. A character that XML has no form for is written as U+FFFD.
 */
export function serialize(of: XmlElement, inherited = ""): string {
  const prefixed = of.ns === streamNs;
  const name = prefixed ? `stream:${of.name}` : of.name;
  let written = `<${name}`;
  if (prefixed) written += ` xmlns:stream="${streamNs}"`;
  else if (of.ns !== inherited) written += ` xmlns="${escapeAttribute(of.ns)}"`;
  for (const key in of.attributes) written += ` ${key}="${escapeAttribute(of.attributes[key] ?? "")}"`;
  if (of.children.length === 0) return `${written}/>`;
  written += ">";
  const within = prefixed ? inherited : of.ns;
  for (const one of of.children)
    written += typeof one === "string" ? escapeText(one) : serialize(one, within);
  return `${written}</${name}>`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML has no form for (XML 1.0 §2.2).
const formless = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: see above.
const special = /[&<>"\u0000-\u001f\ufffe\uffff]|\p{Cs}/u;

function escapeText(value: string): string {
  if (!special.test(value)) return value;
  return value
    .replace(formless, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\r", "&#13;");
}

/** Line ends and tabs would become spaces in an attribute (XML 1.0 §3.3.3). */
function escapeAttribute(value: string): string {
  if (!special.test(value)) return value;
  return escapeText(value).replaceAll('"', "&quot;").replaceAll("\t", "&#9;").replaceAll("\n", "&#10;");
}
