/** A trickled candidate, as `RTCIceCandidate.toJSON()` gives it. */
export interface TrickleCandidate {
  /** `candidate:…` (RFC 8839 §5.1); empty for the end of candidates. */
  readonly candidate: string;
  readonly sdpMid?: string | null;
  readonly sdpMLineIndex?: number | null;
  readonly usernameFragment?: string | null;
}

/** The fields of a candidate that are used here. */
export interface CandidateFields {
  readonly component: number;
  /** Lower case. */
  readonly transport: string;
  readonly priority: number;
  readonly address: string;
  readonly port: number;
  readonly type: string;
  /** The value of the extension `ufrag`, which browsers add. */
  readonly ufrag: string | undefined;
}

/** The most characters of a candidate. */
const longestCandidate = 512;

/** A candidate as `candidate:…`, whether or not it begins with `a=` or `candidate:`. */
export function candidateText(written: string): string {
  const text = written.startsWith("a=") ? written.slice(2) : written;
  return text.startsWith("candidate:") ? text : `candidate:${text}`;
}

/** Parses a candidate. Undefined for anything else. */
export function parseCandidate(written: string): CandidateFields | undefined {
  if (written.length > longestCandidate) return undefined;
  const [foundation, component, transport, priority, address, port, typ, type, ...rest] = candidateText(
    written,
  )
    .slice("candidate:".length)
    .trim()
    .split(" ");
  if (!foundation || typ !== "typ" || !type || !address || !transport) return undefined;
  const numbers = [component, priority, port].map((text = "") =>
    /^\d{1,10}$/.test(text) ? Number(text) : -1,
  );
  const [componentNumber = -1, priorityNumber = -1, portNumber = -1] = numbers;
  if (
    componentNumber < 1 ||
    componentNumber > 256 ||
    priorityNumber < 0 ||
    portNumber < 0 ||
    portNumber > 0xffff
  )
    return undefined;
  let ufrag: string | undefined;
  for (let at = 0; at + 1 < rest.length; at += 2) if (rest[at] === "ufrag") ufrag = rest[at + 1];
  return {
    component: componentNumber,
    transport: transport.toLowerCase(),
    priority: priorityNumber,
    address,
    port: portNumber,
    type,
    ufrag,
  };
}
