import { SaxesParser, type SaxesTagNS } from "saxes";
import { fail, ok, type Result } from "../../shared/result.ts";
import type { XmlElement } from "./xml.ts";

/** Why a text is no XML that XMPP allows: a stream error (RFC 6120 §4.9.3), and a reason in English. */
export interface XmlFault {
  readonly condition: "not-well-formed" | "bad-namespace-prefix" | "restricted-xml" | "policy-violation";
  readonly reason: string;
}

/** The bounds of one element at the top. */
export interface XmlLimits {
  /** Characters of its text. */
  readonly size: number;
  /** Elements inside each other, itself counted. */
  readonly depth: number;
}

/** For clients that have signed in: a `session-initiate` of many codecs and candidates fits. */
export const stanzaLimits: XmlLimits = { size: 262_144, depth: 32 };
/** For clients that have not. */
export const signInLimits: XmlLimits = { size: 16_384, depth: 8 };

type Parser = SaxesParser<{ xmlns: true }>;

/**
 * Parses a text that is one element, such as a message of RFC 7395. Comments, processing instructions, document types and entities
 * that XML does not define itself are faults (RFC 6120 §11.1).
 */
export function parseXml(input: string, limits: XmlLimits): Result<XmlElement, XmlFault> {
  if (input.length > limits.size) return fail(tooLarge(limits));
  let root: XmlElement | undefined;
  const parser = makeParser();
  const trees = new Trees(limits.depth, (tree) => {
    root = tree;
  });
  parser.on("opentag", (tag) => trees.open(tag));
  parser.on("text", (value) => trees.text(value));
  parser.on("cdata", (value) => trees.text(value));
  parser.on("closetag", () => trees.close());
  const fault = guarded(() => parser.write(input).close());
  if (fault !== undefined) return fail(fault);
  return root === undefined ? fail(malformed("there is no element")) : ok(root);
}

/** What a stream of XML brings. */
export interface XmlStreamHandler {
  /** The root's start tag; its children follow one by one. */
  opened(root: XmlElement): void;
  element(element: XmlElement): void;
  /** The root's end tag. */
  ended(): void;
}

/** A stream is parsed in parts of so many characters: an element may be so much larger than its limit. */
const partLength = 4_096;

/** Parses a stream that is one document (RFC 6120 §4.2) as its text comes. It keeps no more than one child of the root. */
export class XmlStream {
  readonly #parser = makeParser();
  readonly #limits: XmlLimits;
  /** Characters since the last whole element. */
  #pending = 0;
  #fault: XmlFault | undefined;

  constructor(limits: XmlLimits, handler: XmlStreamHandler) {
    this.#limits = limits;
    const parser = this.#parser;
    const trees = new Trees(limits.depth, (tree) => {
      this.#pending = 0;
      handler.element(tree);
    });
    let opened = false;
    parser.on("opentag", (tag) => {
      if (opened) trees.open(tag);
      else {
        opened = true;
        this.#pending = 0;
        handler.opened(elementOf(tag, []));
      }
    });
    // Between stanzas there may be white space, to keep the connection alive (RFC 6120 §4.6.1).
    parser.on("text", (value) => trees.text(value));
    parser.on("cdata", (value) => trees.text(value));
    parser.on("closetag", () => {
      if (trees.depth > 0) trees.close();
      else handler.ended();
    });
  }

  /**
   * Takes a part of the text. The stream is over at the first fault, and answers with the same one from then on. What a handler throws is
   * thrown on.
   */
  write(input: string): XmlFault | undefined {
    // In parts, so that an element which is whole in one text is counted as well.
    for (let at = 0; at < input.length && this.#fault === undefined; at += partLength) {
      const part = input.slice(at, at + partLength);
      this.#pending += part.length;
      this.#fault = guarded(() => this.#parser.write(part));
      if (this.#fault === undefined && this.#pending > this.#limits.size)
        this.#fault = tooLarge(this.#limits);
    }
    return this.#fault;
  }
}

/** Makes elements of tags and texts. */
class Trees {
  readonly #depth: number;
  readonly #done: (tree: XmlElement) => void;
  readonly #open: { readonly tag: XmlElement; readonly children: (XmlElement | string)[] }[] = [];

  constructor(depth: number, done: (tree: XmlElement) => void) {
    this.#depth = depth;
    this.#done = done;
  }

  /** How many elements are open. */
  get depth(): number {
    return this.#open.length;
  }

  open(tag: SaxesTagNS): void {
    if (this.#open.length === this.#depth)
      throw new Fault({ condition: "policy-violation", reason: `elements lie ${this.#depth} deep at most` });
    const children: (XmlElement | string)[] = [];
    this.#open.push({ tag: elementOf(tag, children), children });
  }

  text(value: string): void {
    const children = this.#open.at(-1)?.children;
    if (children === undefined || value === "") return;
    const last = children.at(-1);
    if (typeof last === "string") children[children.length - 1] = last + value;
    else children.push(value);
  }

  close(): void {
    const tree = this.#open.pop()?.tag;
    if (tree === undefined) return;
    const parent = this.#open.at(-1);
    if (parent === undefined) this.#done(tree);
    else parent.children.push(tree);
  }
}

function elementOf(tag: SaxesTagNS, children: readonly (XmlElement | string)[]): XmlElement {
  const attributes: Record<string, string> = {};
  for (const name in tag.attributes) {
    const { prefix, value } = tag.attributes[name] as (typeof tag.attributes)[string];
    if (prefix === "xml" || (prefix === "" && name !== "xmlns" && name !== "__proto__"))
      attributes[name] = value;
  }
  return { name: tag.local, ns: tag.uri, attributes, children };
}

function makeParser(): Parser {
  const options = { xmlns: true, position: false, forceXMLVersion: true, defaultXMLVersion: "1.0" } as const;
  const parser: Parser = new SaxesParser(options);
  for (const [event, what] of [
    ["doctype", "a document type"],
    ["processinginstruction", "a processing instruction"],
    ["comment", "a comment"],
  ] as const)
    parser.on(event, () => {
      throw new Fault({ condition: "restricted-xml", reason: `XMPP does not allow ${what}` });
    });
  parser.on("error", ({ message }) => {
    if (message.startsWith("unbound namespace prefix"))
      throw new Fault({ condition: "bad-namespace-prefix", reason: message });
    throw new Fault(
      message === "undefined entity."
        ? { condition: "restricted-xml", reason: "XMPP allows no entities beyond those of XML" }
        : malformed(message),
    );
  });
  return parser;
}

/** Ends a parser in the middle of its work. */
class Fault extends Error {
  readonly fault: XmlFault;

  constructor(fault: XmlFault) {
    super(fault.reason);
    this.fault = fault;
  }
}

function guarded(what: () => void): XmlFault | undefined {
  try {
    what();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error.fault;
    throw error;
  }
}

function malformed(reason: string): XmlFault {
  return { condition: "not-well-formed", reason };
}

function tooLarge({ size }: XmlLimits): XmlFault {
  return { condition: "policy-violation", reason: `an element may have ${size} characters` };
}
